// A Prisma client without models, put together as `prisma generate` would: the generator itself is a large package, and needs none.
import { createRequire } from 'node:module';

export interface PrismaLike {
  $transaction(work: (tx: object) => Promise<unknown>): Promise<unknown>;
  $disconnect(): Promise<void>;
}

const require = createRequire(import.meta.url);
/** What the types of Node leave out. */
const wasm = globalThis as unknown as { WebAssembly: { Module: new (bytes: Buffer) => object } };

/** @param adapter one of `@prisma/adapter-pg`. */
export function openPrisma(adapter: object): PrismaLike {
  const { getPrismaClient } = require('@prisma/client/runtime/client');
  const runtime = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
  const Client = getPrismaClient({
    runtimeDataModel: { models: {}, enums: {}, types: {} },
    previewFeatures: [],
    clientVersion: '7.10.0',
    engineVersion: '7.10.0',
    activeProvider: 'postgresql',
    inlineSchema:
      'generator client {\n  provider = "prisma-client"\n}\ndatasource db {\n  provider = "postgresql"\n}\n',
    // Without models all counts in it are 0.
    parameterizationSchema: { strings: [], graph: Buffer.alloc(32).toString('base64url') },
    compilerWasm: {
      getRuntime: async () => require(`${runtime}.js`),
      getQueryCompilerWasmModule: async () =>
        new wasm.WebAssembly.Module(Buffer.from(require(`${runtime}.wasm-base64.js`).wasm, 'base64')),
      importName: './query_compiler_fast_bg.js',
    },
  });
  return new Client({ adapter }) as PrismaLike;
}
