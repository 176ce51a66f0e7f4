// The functions of our SQL files, as the house tests see them.
import type { SourceFile } from './source-tree.ts';

export interface SqlFunction {
  readonly schema: string;
  readonly name: string;
  /** The text from its `create` to the next one, without comments. */
  readonly code: string;
}

/** The functions that a file creates, in their order. */
export function functionsIn({ text }: Pick<SourceFile, 'text'>): SqlFunction[] {
  const code = text.replace(/--.*/g, '');
  return code.split(/^(?=create (?:or replace )?function )/m).flatMap((part) => {
    const [, schema, name] = /^create (?:or replace )?function (\w+)\.(\w+)/.exec(part) ?? [];
    return schema === undefined || name === undefined ? [] : [{ schema, name, code: part }];
  });
}
