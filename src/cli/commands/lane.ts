// tributary lane: the lanes of central queues, keys that are paused because an event failed, and what is done about one.
import type { Command } from 'commander';
import { type LaneState, readLaneStates } from '../../central/logbook/lanes.ts';
import { type PausedKey, readPausedKeys, releaseKey } from '../../central/logbook/paused-keys.ts';
import { counted } from '../../errors/words.ts';
import { groupName } from '../../queue/names.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { type Column, json, seconds, table, widthOf } from '../terminal/output.ts';
import { withCentral } from './shard/with-central.ts';
import { requireOne } from './work.ts';

const MOST_LISTED = 1_000;

const LANES: readonly Column<LaneState>[] = [
  { title: 'queue', value: ({ work }) => work },
  { title: 'lane', value: ({ lane }) => lane },
  { title: 'worker', value: ({ worker }) => worker },
  { title: 'host', value: ({ host }) => host },
  { title: 'waiting', value: ({ waiting }) => waiting },
  {
    title: 'oldest',
    align: 'right',
    value: ({ secondsBehind }) => (secondsBehind === undefined ? undefined : seconds(secondsBehind)),
  },
  { title: 'paused keys', value: ({ pausedKeys }) => pausedKeys },
  { title: 'limited keys', value: ({ limitedKeys }) => limitedKeys },
];

const KEYS: readonly Column<PausedKey>[] = [
  { title: 'queue', value: ({ work }) => work },
  { title: 'key', value: ({ key }) => key },
  { title: 'since', value: ({ since }) => since },
  { title: 'waiting', align: 'right', value: ({ waiting }) => waiting },
  { title: 'tries', align: 'right', value: ({ attempts }) => attempts },
  { title: 'next', value: ({ isTried, nextAt }) => (isTried ? 'now' : nextAt) },
  { title: 'error', value: ({ error }) => error },
];

export function register(program: Command, context: CliContext): void {
  const lane = program
    .command('lane')
    .description('lanes of central queues, and keys that are paused because an event failed');
  lane
    .command('list', { isDefault: true })
    .description(
      'lists lanes: who has each, what waits in it; then paused keys, the one that has been for longest first',
    )
    .option('--queue <name>', 'only of this queue, or group of one: orders/billing')
    .option('--json', 'one JSON document')
    .action((options: { queue?: string; json?: true }) => list(context, options));
  for (const [verb, description] of [
    ['skip', 'gives up the event in front of a key, which becomes a dead event; those behind it go on'],
    ['retry', 'lets the event in front of a key be tried at once'],
  ] as const)
    lane
      .command(verb)
      .description(description)
      .argument('<queue>', 'the central queue, or one of its groups: orders/billing')
      .argument('<key>', 'as `lane list` shows it')
      .action((queue: string, key: string) =>
        release(context, { name: queue, key, isGivenUp: verb === 'skip' }),
      );
}

async function list(
  context: CliContext,
  { queue, json: isJson }: { readonly queue?: string; readonly json?: true },
): Promise<void> {
  const config = await context.loadConfig({ queries: 'leave' });
  const name = queue === undefined ? undefined : requireOne(config, queue).name;
  await withCentral(config, async (link) => {
    const isMeant = ({ work }: { readonly work: string }) => name === undefined || work === name;
    const group = groupName(config);
    const lanes = (await readLaneStates(link, { group })).filter(isMeant);
    const keys = (await readPausedKeys(link, { group, limit: MOST_LISTED })).filter(isMeant);
    const { stdout } = context;
    if (isJson) {
      stdout.write(json({ lanes: lanes.map(shownLane), keys: keys.map(shown) }));
      return;
    }
    const options = { width: widthOf(stdout) };
    stdout.write(
      lanes.length === 0
        ? `${name ?? 'No queue'} has ${name ? 'no ' : ''}lanes.\n`
        : table(LANES, lanes, options),
    );
    stdout.write(keys.length === 0 ? '\nNo key is paused.\n' : `\n${table(KEYS, keys, options)}`);
  });
}

const shownLane = ({ work, worker, host, secondsBehind, ...lane }: LaneState) => ({
  ...{ queue: work, lane: lane.lane, worker: worker ?? null, host: host ?? null },
  ...{ waiting: lane.waiting, seconds_behind: secondsBehind ?? null },
  ...{ paused_keys: lane.pausedKeys, limited_keys: lane.limitedKeys },
});

const shown = ({ work, key, since, eventId, attempts, error, nextAt, isTried, waiting }: PausedKey) => ({
  ...{ queue: work, key, since, event: eventId, attempts, error: error ?? null },
  ...{ next_at: nextAt, is_tried: isTried, waiting },
});

async function release(
  context: CliContext,
  { name, key, isGivenUp }: { readonly name: string; readonly key: string; readonly isGivenUp: boolean },
): Promise<void> {
  const config = await context.loadConfig({ queries: 'leave' });
  const { queue, group: part } = requireOne(config, name);
  await withCentral(config, async (link) => {
    const behind = await releaseKey(
      link,
      { work: name, queue, group: groupName(config, part), key },
      { isGivenUp, operator: operator() },
    );
    if (behind === 'absent')
      throw new Exit(
        EXIT.failed,
        `No key ${key} of ${name} is paused: \`tributary lane list\` shows those that are.`,
      );
    if (behind === 'tried')
      throw new Exit(
        EXIT.failed,
        `The event in front of key ${key} of ${name} is being tried now: look again in a moment.`,
      );
    const rest =
      behind === 0
        ? 'Nothing is behind it.'
        : `${counted(behind, 'event')} behind it ${behind === 1 ? 'goes' : 'go'} on.`;
    context.stdout.write(
      isGivenUp
        ? `The event in front of key ${key} of ${name} is a dead event now. ${rest}\n`
        : `The event in front of key ${key} of ${name} is tried now.\n`,
    );
  });
}
