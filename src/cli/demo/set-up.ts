// Sets the demo up: a server, databases, and `tributary install`.

import type { Config, HttpAddress } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { freePort } from '../../embedded/port.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { counted } from '../../errors/words.ts';
import { LIVE_PATH } from '../../http/live/routes.ts';
import { shownAddress } from '../../http/server/address.ts';
import { install } from '../../install/install.ts';
import { EXIT, Exit } from '../exit.ts';
import { demoFile, FILE_PORT } from './file.ts';
import { Ledger } from './ledger.ts';
import { makeDatabases, startServer } from './server.ts';
import { ShopPage, shopUrl } from './shop/page.ts';
import type { Installed, Stage } from './stage.ts';

export async function setUpDemo(stage: Stage): Promise<Installed> {
  const { options, screen, signal } = stage;
  const { shards, isKept } = options;
  screen.line('Starting a PostgreSQL of its own, which never waits for the disk: right for a demo only.');
  // Not interrupted: the server is up in a moment, and only then can it be stopped in order.
  const server = await startServer({ shards, ...(isKept ? { port: FILE_PORT } : {}) }).catch(portTaken);
  stage.finally(() => server.stop());
  signal.throwIfAborted();
  const http = await withPort(options.http);
  const shopPort = http === undefined ? 0 : await freePort();
  const shop = http === undefined ? undefined : shopUrl(shopPort);
  const config = load(stage, demoFile(server.folder, { port: server.port, shards, http, shop }));
  screen.line(`Making ${counted(shards, 'shard')} and a central database at ${server.host}:${server.port}.`);
  await stage.unlessStopped(makeDatabases(server, config));
  screen.line('Installing, as `tributary install` does: engine, queues, registrations, central schema.');
  await stage.unlessStopped(installAll(config));
  const ledger = await stage.unlessStopped(Ledger.open(config));
  stage.finally(() => ledger.close());
  if (http !== undefined) {
    const live = `http://${shownAddress(http)}${LIVE_PATH}`;
    const page = await ShopPage.open(config, { live, port: shopPort });
    stage.finally(() => page.close());
  }
  return { stage, config, ledger, ...(shop !== undefined && { shop }) };
}

/** Before anything is served, so that the address can be said and written into the file. */
async function withPort(http: HttpAddress | undefined): Promise<HttpAddress | undefined> {
  return http?.port === 0 ? { ...http, port: await freePort() } : http;
}

function portTaken(error: unknown): never {
  if (!(error instanceof TributaryError) || error.code !== 'embedded-port') throw error;
  throw new Exit(
    EXIT.failed,
    `${error.message} shards.yaml has the server of \`demo --keep\` there: end the other one, or leave out --keep.`,
  );
}

function load({ context: { cwd, env } }: Stage, file: string): Config {
  const { config, problems = [] } = loadConfig(file, { cwd, env });
  if (config === undefined)
    throw new Exit(
      EXIT.failed,
      problems.map(({ line, sentence }) => `${file}:${line} ${sentence}`).join('\n'),
    );
  return config;
}

async function installAll(config: Config): Promise<void> {
  const mistakes = (await install(config)).flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
}
