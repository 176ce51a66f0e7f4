// What `start`, `mover` and `work` serve over HTTP while they run: their options for it, and the server around their work.
import type { Command } from 'commander';
import type { Config, HttpAddress } from '../config/config.ts';
import { parseListen } from '../config/sections/settings.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Part } from '../http/health/parts.ts';
import type { Duties } from '../http/health/readiness.ts';
import type { ServiceContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';
import { ServiceManager } from './service-manager.ts';

export interface HttpOptions {
  /** Undefined: as the file says; false: nothing is served. */
  readonly http?: string | false;
}

export interface Served {
  readonly config: Config;
  readonly options: HttpOptions;
  readonly duties: Duties;
  readonly parts: readonly Part[];
}

export function addHttpOptions(command: Command): Command {
  return command
    .option(
      '--http <address>',
      'serve the dashboard, /livez, /readyz and /metrics there, such as :7717; :0 takes a free port, which the log says',
    )
    .option('--no-http', 'serve nothing, though the file says `http:`');
}

/** @throws Exit where nothing can or may be served where the file or the option says. */
export async function whileServing(
  context: ServiceContext,
  served: Served,
  work: () => Promise<void>,
): Promise<void> {
  const { env, log, signal } = context;
  const manager = ServiceManager.from({ env, log, parts: served.parts });
  if (manager === undefined) return await whileServingPages(context, served, work);
  signal.addEventListener('abort', () => manager.stopping(), { once: true });
  try {
    await whileServingPages(context, served, async () => {
      manager.ready(statusOf(served.duties));
      await work();
    });
  } finally {
    manager.close();
  }
}

function statusOf({ host, movesShards, queues }: Duties): string {
  const does = [
    ...(movesShards ? [`moving the shards of ${host}`] : []),
    ...(queues.length > 0 ? [`working on ${queues.join(', ')}`] : []),
  ];
  return does.join(', ');
}

async function whileServingPages(
  { log }: ServiceContext,
  { config, options, duties, parts }: Served,
  work: () => Promise<void>,
): Promise<void> {
  const address = addressOf(config, options);
  if (address === undefined) return await work();
  // Loaded only where it is asked for: starts are quicker.
  const { serve } = await import('../http/serve.ts');
  const serving = await serve({ address, shown: { config, duties, parts } }).catch((error: unknown) => {
    throw new Exit(EXIT.failed, whyNot(address, error));
  });
  if (serving.refusal !== undefined) throw new Exit(EXIT.wrong, serving.refusal);
  log.info({ url: serving.url }, `serving ${serving.url}/livez, /readyz and /metrics`);
  try {
    await work();
  } finally {
    await serving.close();
  }
}

function addressOf({ http }: Config, options: HttpOptions): HttpAddress | undefined {
  if (options.http === false) return undefined;
  return options.http === undefined ? http : listenAddress(options.http);
}

/** @throws Exit where `--http` says no address. */
export function listenAddress(text: string): HttpAddress {
  const address = parseListen(text);
  if (address === undefined)
    throw new Exit(
      EXIT.wrong,
      `--http must be a port or an address such as :7717 or 127.0.0.1:7717, not ${text}.`,
    );
  return address;
}

/** Why nothing can be served there, with the remedy. */
export function whyNot(
  { host, port }: HttpAddress,
  error: unknown,
  otherwise = ', or serve nothing with --no-http',
): string {
  if ((error as { code?: unknown }).code !== 'EADDRINUSE')
    return sentenceFor(error, `Serving on ${host}:${port}`);
  return `Port ${port} on ${host} is taken: name another one with --http${otherwise}.`;
}
