// tributary work: runs this host's share of the workers, until it is stopped.
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { figuredNames, type Worked, workedIn } from '../../config/worked.ts';
import { processPart, workersPart } from '../../http/health/parts.ts';
import { packageVersion } from '../../lifecycle/package-root.ts';
import { WorkerMetrics } from '../../observability/metrics/of-workers.ts';
import { logWorkers } from '../../observability/worker-log.ts';
import { WorkerPool } from '../../workers/primary/pool.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { following, whileRunning } from '../following.ts';
import { addHttpOptions, type HttpOptions, whileServing } from '../serving.ts';

interface Options extends HttpOptions {
  readonly queue?: string[];
  readonly host?: string;
}

export function register(program: Command, given: CliContext): void {
  const command = program
    .command('work')
    .description("runs this host's share of the workers until SIGTERM")
    .option('--queue <name...>', 'only these central queues, or groups of them: orders/billing')
    .option('--host <name>', 'how this host is called in `lag`; default: the name of this machine');
  addHttpOptions(command).action(async ({ queue, host = hostname(), ...options }: Options) => {
    const context = await given.asService();
    const config = await context.loadConfig({ queries: 'leave' });
    const queues = queuesToWork(config, queue);
    const metrics = new WorkerMetrics(queues);
    const log = logWorkers(context.log);
    const fleet = following(context, {
      config,
      refusalsOf: (next) => queuesGone(next, queue),
      onTaken: (next) => pool.apply(next),
    });
    const pool = new WorkerPool({
      config,
      host,
      ...(queue === undefined ? {} : { queues }),
      file: fleet,
      onOccurrence: (occurrence) => {
        log(occurrence);
        metrics.note(occurrence);
      },
      log: { level: context.log.level, isPretty: context.stderr.isTTY === true },
    });
    const { signal, hardSignal } = context;
    signal.addEventListener('abort', () => void pool.stop(), { once: true });
    hardSignal.addEventListener('abort', () => void pool.stopNow(), { once: true });
    context.onHangUp?.(() => {
      fleet.readAgain('a signal');
      pool.renew();
    });
    if (signal.aborted) return;
    context.log.info(
      { queues, installation: config.name, host, version: packageVersion() },
      `working on ${queues.join(', ')}`,
    );
    const parts = [processPart('work'), workersPart(pool, metrics)];
    const duties = {
      ...{ host, movesShards: false },
      get queues() {
        return pool.queues;
      },
    };
    await whileRunning([fleet], () =>
      whileServing(context, { config: fleet.live, options, duties, parts }, () => pool.run()),
    );
    context.log.info('stopped: every batch at hand was finished or goes to another worker');
  });
}

/** Why a file has nothing to work on for a process that was asked for these queues, or for all that have workers. */
function queuesGone(config: Config, asked: readonly string[] | undefined): string[] {
  const isMeant = ({ name, queue }: Worked) => asked?.includes(name) || asked?.includes(queue) || !asked;
  if (workedIn(config).some(isMeant)) return [];
  return [
    `No queue that this process works on has workers there${asked === undefined ? '' : ` (${asked.join(', ')})`}: stop it, or give one \`workers:\` and \`handler:\`.`,
  ];
}

/**
 * The names of what is worked: all that is asked for, a queue with groups being all of these, or all that there is.
 * @throws Exit with a sentence about unknown names, or where there is nothing to work on.
 */
export function queuesToWork(config: Config, asked?: readonly string[]): string[] {
  const worked =
    asked === undefined ? workedIn(config) : asked.flatMap((name) => requireWorked(config, name));
  if (worked.length === 0)
    throw new Exit(
      EXIT.wrong,
      `No queue in ${config.file} has workers: give one \`workers:\` and \`handler:\`.`,
    );
  return [...new Set(worked.map(({ name }) => name))];
}

/** @throws Exit with a sentence where it is no queue or group with workers, or a queue with several groups. */
export function requireOne(config: Config, name: string): Worked {
  const [one, ...others] = requireWorked(config, name);
  if (others.length === 0) return one as Worked;
  const names = [one, ...others].map((worked) => worked?.name);
  throw new Exit(EXIT.wrong, `Queue ${name} has several groups: say which one, ${names.join(' or ')}.`);
}

/** What is called so, or the groups of the queue that is. @throws Exit where there are none. */
function requireWorked(config: Config, name: string): readonly Worked[] {
  const worked = workedIn(config);
  const found = worked.filter((one) => one.name === name || one.queue === name);
  if (found.length > 0) return found;
  if (config.queues.some((queue) => queue.name === name))
    throw new Exit(
      EXIT.wrong,
      `Queue ${name} says \`workers: none\` in ${config.file}: its events are only brought to central. Give it a number, and run \`tributary install\`.`,
    );
  const names = figuredNames(config);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `the queues there are ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new Exit(
    EXIT.wrong,
    `There is no central queue ${name} in ${config.file}: ${hint}`.replace(/([^?])$/, '$1.'),
  );
}
