// tributary start: supervises one forked mover and the workers of this host, until it is stopped.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config } from '../../config/config.ts';
import { chooseHost } from '../../config/sections/host.ts';
import { workedIn } from '../../config/worked.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { kindOf } from '../../errors/sqlstate.ts';
import { counted } from '../../errors/words.ts';
import { processPart } from '../../http/health/parts.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { CliContext, ServiceContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { following, whileRunning, withShards } from '../following.ts';
import { addHttpOptions, type HttpOptions, whileServing } from '../serving.ts';
import type { HostOptions } from './mover.ts';
import { ForkedMover, type MoverDeath } from './start/forked-mover.ts';
import { newWorkers } from './start/own-workers.ts';

/** What `start` runs: it drains, or ends without waiting for anything. */
interface Supervised extends Service {
  stopNow(): Promise<void>;
}

export function register(program: Command, given: CliContext): void {
  const command = program
    .command('start')
    .description('moves the shards of this host and runs its share of the workers until SIGTERM')
    .option('--host <name>', 'the host whose shards are moved; default: the name of this machine')
    .option('--adopt', 'where the file has no such host: move the shards of hosts without a mover');
  addHttpOptions(command).action(async ({ host, adopt, ...options }: HostOptions & HttpOptions) => {
    const context = await given.asService();
    const config = await context.loadConfig({ queries: 'leave' });
    const choice = chooseHost(await withShards(config, context), host, hostname(), adopt);
    if (choice.problem !== undefined) throw new Exit(EXIT.wrong, choice.problem);
    const { signal, hardSignal, log } = context;
    // Here, before two processes report the same.
    await mustBeInstalled(config, log);
    const fleet = following(context, {
      config,
      hasMover: true,
      refusalsOf: (next) => (workers === undefined ? firstWorkers(next) : []),
      onTaken: (next) => workers?.pool.apply(next),
    });
    const noteAsked = (number: number) => fleet.noteAsked(number);
    const mover = newMover(config, choice.host, { log: context.log, noteAsked, adopts: adopt === true });
    const workers = newWorkers(config, choice.host, { context, fleet });
    const services: Supervised[] = [mover, ...(workers === undefined ? [] : [workers.pool])];
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
      fleet.readAgain('a signal');
      mover.readAgain();
      workers?.pool.renew();
    });
    if (signal.aborted) return;
    const { shards } = choice;
    log.info(
      { shards: shards.length },
      `starting: ${counted(shards.length, 'shard')} of host ${choice.host}`,
    );
    const parts = [processPart('start'), mover.shown, ...(workers === undefined ? [] : [workers.part])];
    const duties = {
      ...{ host: choice.host, movesShards: true },
      get queues() {
        return workers?.pool.queues ?? [];
      },
    };
    await whileRunning([fleet], () =>
      whileServing(context, { config: fleet.live, options, duties, parts }, () => runTogether(services)),
    );
    log.info('stopped: what was read is committed, what was handed out is finished or goes to another');
  });
}

async function mustBeInstalled(config: Config, log: ServiceContext['log']): Promise<void> {
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

/** `start` has no pool where its file had no workers at its start. */
const firstWorkers = (config: Config): string[] =>
  workedIn(config).length > 0
    ? ['The file has its first queue with workers: restart `start`, which began without any.']
    : [];

function newMover(
  config: Config,
  host: string,
  {
    log,
    noteAsked,
    adopts,
  }: Pick<ServiceContext, 'log'> & { readonly noteAsked: (number: number) => void; readonly adopts: boolean },
): ForkedMover {
  return new ForkedMover({
    config,
    host,
    onAsked: noteAsked,
    adopts,
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
