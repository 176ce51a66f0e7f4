// docs/log.md has every occurrence of a mover and of workers, with the line that is really printed.
import type { Logger } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cameFrom } from '../../../src/errors/sentence.ts';
import type { FleetOccurrence } from '../../../src/fleet/occurrence.ts';
import { newLogger } from '../../../src/lifecycle/logger.ts';
import type { MoverOccurrence } from '../../../src/mover/occurrence.ts';
import { logFleet } from '../../../src/observability/fleet-log.ts';
import { logMover } from '../../../src/observability/mover-log.ts';
import { logWorkers } from '../../../src/observability/worker-log.ts';
import type { WorkerOccurrence } from '../../../src/workers/primary/occurrence.ts';
import { filesIn } from '../../support/pages/source-tree.ts';
import { cellsOf, namesOf, rowsUnder } from '../../support/pages/tables.ts';

/** For each kind, one or more that become different lines. */
type Samples<Occurrence extends { readonly kind: string }> = {
  readonly [Kind in Occurrence['kind']]: readonly Omit<Extract<Occurrence, { kind: Kind }>, 'kind'>[];
};

const refused = Object.assign(new Error(), { code: 'ECONNREFUSED', address: '10.0.0.9', port: 5432 });
const diskFull = Object.assign(new Error(), { code: '53100' });
cameFrom('Central', diskFull);
const source = { shard: 'app_017', queue: 'orders' };
const slot = { queue: 'orders', slot: 'orders#3', pid: 4711 };
const cut = { ...source, events: 70_000, bytes: 90_000_000 };
const refusal = { ...source, origin: 'app_017:orders:812', error: 'value too long', sqlstate: '22001' };

const ofMover: Samples<MoverOccurrence> = {
  committed: [{ queue: 'orders', rows: 1_200, bytes: 90_000, sources: 3, ms: 12 }],
  'central-trouble': [{ queue: 'orders', error: refused }],
  'central-older': [{ shard: 'app_017', sources: 5, events: 120 }],
  'lease-lost': [
    { resource: 'shard:app_017', reason: 'ran-out' },
    { resource: 'shard:app_017', reason: 'taken-over' },
  ],
  'lease-taken-over': [{ resource: 'shard:app_017' }],
  'stood-still': [{ loop: 'shard app_017', ms: 300_000 }],
  'shard-connected': [{ shard: 'app_017' }],
  'shard-let-go': [{ shard: 'app_017' }],
  // The log has no line of it.
  round: [],
  'shard-trouble': [{ shard: 'app_017', error: refused, retryMs: 2_000 }],
  'source-trouble': [{ ...source, error: Object.assign(new Error('out of memory'), { code: '53200' }) }],
  'source-halted': [{ ...source, code: 'diverged', reason: 'Source app_017:orders is halted: …' }],
  condemned: [
    { ...refusal, by: 'central' },
    { ...refusal, by: 'shard' },
  ],
  'window-cut': [
    { ...cut, parts: 1, isLast: false },
    { ...cut, parts: 2, isLast: true },
  ],
  'origin-taken': [{ ...source, rows: 12 }],
  'foreign-ticker': [{ ...source }],
  upkeep: [{ database: 'app_017', what: 'rotation of orders', detail: 'done' }],
  'upkeep-trouble': [{ database: 'central', what: 'rotation of orders', error: diskFull }],
};

const ofWorkers: Samples<WorkerOccurrence> = {
  'worker-ready': [slot],
  'worker-died': [
    { ...slot, code: null, signal: 'SIGKILL', restartMs: 0 },
    { ...slot, code: 1, signal: null, restartMs: 500 },
  ],
  'worker-silent': [{ ...slot, silentMs: 60_000 }],
  'worker-stalled': [{ ...slot, stalledMs: 60_000 }],
  'worker-ended': [
    { ...slot, isRecycled: false },
    { ...slot, isRecycled: true },
  ],
  'worker-troubled': [{ ...slot, sentence: 'Central refuses connections: …' }],
  'worker-replaced': [{ ...slot, reason: 'after 10,000 batches' }],
  'worker-kept': [{ ...slot, sentence: 'The handler … does not load: …' }],
  'batch-opened': [{ ...slot, token: 1, openings: 2, takenOverFrom: 'orders#2@h1' }],
  'batch-finished': [{ ...slot, token: 1, events: 1_200, putOff: 0, dead: 0, ms: 900 }],
  'batch-progress': [{ ...slot, done: 4_000, events: 10_000, seconds: 90 }],
  // The log has no line of it.
  counted: [],
  'batch-given-up': [{ ...slot, token: 1, sentence: 'Central ended the connection …' }],
  'queue-parked': [{ queue: 'orders', sentence: 'The handler … does not load: …' }],
  'queue-unparked': [{ queue: 'orders' }],
  'queue-held-back': [{ queue: 'orders', sentence: 'nothing has succeeded for …' }],
  'queue-released': [{ queue: 'orders' }],
  'pool-scaled': [{ queue: 'orders', wanted: 4, before: 2 }],
  'other-number': [
    { queue: 'orders', file: 4, installed: 2 },
    { queue: 'orders', file: 4, installed: undefined },
  ],
  'slot-taken-over': [{ queue: 'orders', slot: 'orders#3' }],
  'pool-trouble': [{ error: refused }],
};

const noNames = { added: [], removed: [], changed: [] };
const noChange = {
  shards: noNames,
  queues: noNames,
  numbers: [],
  groups: [],
  lanes: [],
  others: [],
  hasOtherDuties: false,
};

const ofFleet: Samples<FleetOccurrence> = {
  'file-taken': [
    {
      by: 'a signal',
      changes: {
        ...noChange,
        shards: { added: ['app_018'], removed: ['app_003', 'app_004'], changed: [] },
        queues: { ...noNames, changed: ['orders'] },
        others: ['mover'],
      },
    },
    { by: '`tributary reload`', changes: noChange },
  ],
  'file-refused': [
    {
      by: '`watch: true`',
      sentences: ['shards.yaml:3:1 Unknown key `shrads` in the file: did you mean `shards`?'],
    },
  ],
  'shards-queried': [
    { changes: { ...noChange, shards: { ...noNames, added: ['t1', 't2', 't3', 't4', 't5', 't6', 't7'] } } },
  ],
  'row-refused': [{ sentence: '`shards[1]`, row `t8`, has no url.' }],
  'query-failed': [
    { sentence: 'The query of `shards[1]`: relation "tenants" does not exist (SQLSTATE 42P01).' },
  ],
  'query-answers': [{ place: '`shards[1]`' }],
  installed: [
    { shard: 't7', did: ['create queue orders', 'register consumer tributary_shop_1a2b3c4d on orders'] },
    {
      shard: undefined,
      did: ['begin group workers_shop/search of queue orders with what is committed from now on'],
    },
  ],
  'not-installed': [{ sentence: 'Shard t7 (10.0.0.9:5432/t7) refuses connections: …' }],
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval'] }));
afterEach(() => void vi.useRealTimers());

interface Line {
  readonly level: string;
  readonly msg: string;
}

/** What the log says of one occurrence, `kind | level | line` as the page writes it; what is summed up has been for its time. */
function printed(newLog: (log: Logger) => (occurrence: never) => void, kind: string, sample: object): string {
  const lines: string[] = [];
  const listener = newLog(newLogger('debug', { write: (line: string) => void lines.push(line) }));
  vi.advanceTimersByTime(10_000);
  listener({ kind, ...sample } as never);
  expect(lines, kind).toHaveLength(1);
  const { level, msg } = JSON.parse(lines[0] as string) as Line;
  return `${kind} | ${level} | ${msg}`;
}

const asIsSaid = (row: string): string => {
  const [kind = '', level, line] = cellsOf(row);
  return `${namesOf(kind).join()} | ${level} | ${line}`;
};

const cases = [
  ['Of a mover', logMover, ofMover, ['src/mover']],
  ['Of workers', logWorkers, ofWorkers, ['src/workers']],
  ['Of the file', logFleet, ofFleet, ['src/fleet', 'src/install']],
] as const;

test.each(cases)('%s: the page has each occurrence, its level and its line', (heading, newLog, samples) => {
  const expected = Object.entries(samples).flatMap(([kind, list]: [string, readonly object[]]) =>
    list.map((sample) => printed(newLog, kind, sample)),
  );
  const rows = rowsUnder('docs/log.md', heading);
  // Where this fails, copy the lines that it expects into the page.
  expect(rows.map(asIsSaid)).toEqual(expected);
  expect(rows.filter((row) => (cellsOf(row)[3] ?? '') === '')).toEqual([]);
});

test('every occurrence is logged somewhere', () => {
  const untold = cases.flatMap(([, , samples, folders]) => {
    const tellers = folders
      .flatMap((folder) => filesIn(folder, '.ts'))
      .filter(({ path }) => !path.endsWith('/occurrence.ts'));
    return Object.keys(samples).filter((kind) => !tellers.some(({ text }) => text.includes(`'${kind}'`)));
  });
  expect(untold).toEqual([]);
});
