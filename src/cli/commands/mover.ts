// tributary mover: moves the shards of one host until it is stopped.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { chooseHost } from '../../config/sections/host.ts';
import { workedIn } from '../../config/worked.ts';
import { counted } from '../../errors/words.ts';
import { moverPart } from '../../http/health/parts.ts';
import { packageVersion } from '../../lifecycle/package-root.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Mover } from '../../mover/mover.ts';
import { MoverMetrics } from '../../observability/metrics/of-mover.ts';
import { logMover } from '../../observability/mover-log.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { following, installingFor, whileRunning, withShards } from '../following.ts';
import { addHttpOptions, type HttpOptions, whileServing } from '../serving.ts';
import { onReadAgain, sendAsked } from './start/file-words.ts';
import { sendMember } from './start/member-word.ts';
import { sendShown } from './start/shown-word.ts';

/** Of the commands that run a mover. */
export interface HostOptions {
  readonly host?: string;
  readonly adopt?: boolean;
}

/** Whether the file has something that no shard would be found to lack: a group, or a queue that programs on central fill. */
const isCentralsAlone = (config: Config): boolean =>
  workedIn(config).some(({ group }) => group !== undefined) ||
  config.queues.some(({ from }) => from.length === 0);

export function register(program: Command, given: CliContext): void {
  const command = program
    .command('mover')
    .description('moves the shards of this host until SIGTERM')
    .option('--host <name>', 'the host whose shards are moved; default: the name of this machine')
    .option('--adopt', 'where the file has no such host: move the shards of hosts without a mover');
  addHttpOptions(command).action(async ({ host, adopt, ...options }: HostOptions & HttpOptions) => {
    const context = await given.asService();
    const config = await context.loadConfig({ queries: 'leave' });
    const choice = chooseHost(await withShards(config, context), host, hostname(), adopt);
    if (choice.problem !== undefined) throw new Exit(EXIT.wrong, choice.problem);
    const fleet = following(context, {
      config,
      onTaken: (next, { changes }) => {
        void mover.apply(next);
        const { groups, lanes, queues } = changes;
        if (groups.length + lanes.length + queues.added.length > 0) installing.wantCentral(lanes);
      },
    });
    const installing = installingFor(fleet, context);
    if (isCentralsAlone(config)) installing.wantCentral();
    const metrics = new MoverMetrics(config.queues.map(({ name }) => name));
    const log = logMover(context.log);
    const mover = new Mover({
      config,
      host: choice.host,
      version: packageVersion(),
      onMissing: (shard) => installing.want(shard),
      file: {
        get stand() {
          return fleet.stand;
        },
        noteAsked: (number) => {
          sendAsked(number);
          fleet.noteAsked(number);
        },
      },
      onOccurrence: (occurrence) => {
        log(occurrence);
        metrics.note(occurrence);
      },
    });
    context.onHangUp?.(() => fleet.readAgain('a signal'));
    onReadAgain((by) => fleet.readAgain(by));
    context.signal.addEventListener('abort', () => void mover.stop(), { once: true });
    if (context.signal.aborted) return;
    context.log.info(
      {
        shards: choice.shards.length,
        installation: config.name,
        host: choice.host,
        version: packageVersion(),
      },
      `moving ${counted(choice.shards.length, 'shard')} of host ${choice.host}`,
    );
    sendMember(mover.memberId);
    const part = moverPart(mover, metrics);
    setInterval(() => sendShown(part), TIMING.http.sendEveryMs).unref();
    const duties = { host: choice.host, movesShards: true, queues: [] };
    await whileRunning([fleet, installing], () =>
      whileServing(context, { config: fleet.live, options, duties, parts: [part] }, () => mover.run()),
    );
    context.log.info('stopped: all that was read has been committed');
  });
}
