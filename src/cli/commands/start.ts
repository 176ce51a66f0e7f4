// tributary start: supervises one forked mover and the workers of this host, until it is stopped.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config } from '../../config/config.ts';
import { chooseHost } from '../../config/sections/host.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { counted } from '../../errors/words.ts';
import { packageVersion } from '../../lifecycle/package-root.ts';
import type { Service } from '../../lifecycle/service.ts';
import { logWorkers } from '../../observability/worker-log.ts';
import { WorkerPool } from '../../workers/primary/pool.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { ForkedMover, type MoverDeath } from './start/forked-mover.ts';

/** What `start` runs: it drains, or ends without waiting for anything. */
interface Supervised extends Service {
  stopNow(): Promise<void>;
  /** Replaces its processes, for new code. */
  renew?(): void;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('start')
    .description('moves the shards of this host and runs its share of the workers until SIGTERM')
    .option('--host <name>', 'the host whose shards are moved; default: the name of this machine')
    .action(async ({ host }: { host?: string }) => {
      const config = await context.loadConfig();
      const choice = chooseHost(config, host, hostname());
      if (choice.problem !== undefined) throw new Exit(EXIT.wrong, choice.problem);
      const { signal, hardSignal, log } = context;
      // Here, before two processes report the same.
      await mustBeInstalled(config, log);
      const services: Supervised[] = [
        newMover(config, choice.host, context),
        ...newWorkers(config, choice.host, context),
      ];
      const all = (act: (service: Supervised) => Promise<void>) => () => void services.map(act);
      signal.addEventListener(
        'abort',
        all((service) => service.stop()),
        { once: true },
      );
      hardSignal.addEventListener(
        'abort',
        all((service) => service.stopNow()),
        { once: true },
      );
      context.onHangUp?.(() => {
        for (const service of services) service.renew?.();
      });
      if (signal.aborted) return;
      const { shards } = choice;
      log.info(
        { shards: shards.length },
        `starting: ${counted(shards.length, 'shard')} of host ${choice.host}`,
      );
      await runTogether(services);
      log.info('stopped: what was read is committed, what was handed out is finished or goes to another');
    });
}

async function mustBeInstalled(config: Config, log: CliContext['log']): Promise<void> {
  const link = new CentralLink(config, 'start');
  try {
    await readIdentity(link, config.name);
  } catch (error) {
    if (kindOf(error) !== 'retryable') throw error;
    // Mover and workers wait for central.
    log.warn(sentenceFor(error, 'Central'));
  } finally {
    await link.close();
  }
}

function newMover(config: Config, host: string, { log }: CliContext): ForkedMover {
  return new ForkedMover({
    config,
    host,
    onDeath: (death) => log.error({ pid: death.pid }, describe(death)),
    onTrouble: (error) =>
      log.warn(
        `${sentenceFor(error, 'Central')} The shards of the dead mover wait until its leases have run out.`,
      ),
  });
}

function describe({ code, signal, restartMs }: MoverDeath): string {
  const how = signal ?? (code === null ? 'it could not be started' : `exit code ${code}`);
  return `the mover died (${how}); the next one starts ${restartMs === 0 ? 'at once' : `in ${restartMs} ms`}`;
}

/** Undefined where the file only forwards. */
function newWorkers(config: Config, host: string, { log, stderr }: CliContext): Supervised[] {
  if (config.queues.every(({ workers }) => workers === 'none')) return [];
  return [
    new WorkerPool({
      config,
      host,
      version: packageVersion(),
      onOccurrence: logWorkers(log),
      log: { level: log.level, isPretty: stderr.isTTY === true },
    }),
  ];
}

/** Runs until all have ended; where one cannot go on, the others are stopped, then its error is thrown. */
async function runTogether(services: readonly Service[]): Promise<void> {
  const ends = services.map((service) =>
    service.run().catch(async (error: unknown) => {
      await Promise.all(services.map((other) => other.stop()));
      throw error;
    }),
  );
  const results = await Promise.allSettled(ends);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
