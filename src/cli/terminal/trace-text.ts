// A trace as lines for people: what became of the event, then its way, one line for each thing that happened.
//
// Invariant: whatever events and errors hold, no line is anything but what it says: texts are made plain, each on one line.
import { counted } from '../../errors/words.ts';
import { plain } from '../../lifecycle/plain.ts';
import type {
  SentOn,
  Trace,
  TracedDeath,
  TracedOnCentral,
  TracedOnShard,
  TracedTry,
} from '../../observability/trace/shape.ts';

/** The columns where times and texts begin. */
const TIMES_AT = 9;
const TEXTS_AT = TIMES_AT + 26;

export function traceText(trace: Trace): string {
  const { central, copies = [], move, notes, payload, sent, shard, tries } = trace;
  const lines = [
    ...(shard === null ? [] : [line('shard', shard.time, onShard(shard))]),
    ...(move === null ? [] : [line('moved', move.at, moveText(move))]),
    ...(central === null ? [] : [line('central', central.seenBy?.at ?? central.time, onCentral(central))]),
    ...tries.map((one, at) => line(`try ${numberOf(tries, at)}`, one.at, tryText(one))),
    ...deathsOf(trace).map(([who, dead]) => line('dead', dead.diedAt, `${who}${deadText(dead)}`)),
    ...copies.map(({ queue, id, summary }) =>
      line('copy', '', `${queue === null ? '' : `${queue}:${id}: `}${summary}`),
    ),
    ...sent.flatMap((one) => sentLines(one, 0)),
    ...Object.entries(payload ?? {}).flatMap(([field, value]) =>
      value === null ? [] : [line(field, '', value)],
    ),
    ...notes.map((note) => line('note', '', note)),
  ];
  const title = trace.origin === null ? '' : `${plain(trace.origin)}\n`;
  const summaries = trace.groups?.map(({ group, summary }) => `${group}: ${summary}`) ?? [trace.summary];
  return `${title}${summaries.map((one) => `${plain(one)}\n`).join('')}${lines.length === 0 ? '' : `\n${lines.join('')}`}`;
}

/** Each group of the queue counts its own. */
const numberOf = (tries: readonly TracedTry[], at: number): number =>
  tries.slice(0, at + 1).filter(({ group }) => group === tries[at]?.group).length;

/** The dead event that it became, or one in each group where it died. */
function deathsOf({ dead, groups }: Trace): (readonly [who: string, dead: TracedDeath])[] {
  if (groups !== undefined)
    return groups.flatMap((one) => (one.dead === null ? [] : [[`${one.group}: `, one.dead] as const]));
  return dead === null ? [] : [['', dead]];
}

const line = (what: string, time: string, text: string): string =>
  `${what.padEnd(TIMES_AT)}${time === '' ? plain(text) : `${time.padEnd(TEXTS_AT - TIMES_AT)}${plain(text)}`}\n`;

function onShard({ shard, ...event }: TracedOnShard): string {
  return `${placeOf(event)} on shard ${shard}; ${committed(event)}`;
}

function onCentral({ retry, ...event }: TracedOnCentral): string {
  return `${placeOf(event)} on central; ${committed(event)}${retry === 0 ? '' : `; handed out with retry ${retry}`}`;
}

type InQueue = Omit<TracedOnShard, 'shard'>;

const placeOf = ({ queue, id, type }: InQueue): string =>
  `event ${id} of queue ${queue}${type === null ? '' : `, type ${type},`}`;

function committed({ transaction, notSeenBy, seenBy }: InQueue): string {
  const not = notSeenBy === null ? '' : ` after tick ${notSeenBy.id} of ${notSeenBy.at}`;
  const seen =
    seenBy === null ? ', and no tick has seen it yet' : `, seen by tick ${seenBy.id} of ${seenBy.at}`;
  return `transaction ${transaction}, committed${not}${seen}`;
}

function moveText({ mover, n, transaction }: NonNullable<Trace['move']>): string {
  const by =
    mover === null ? 'by a command, or a mover of an older version' : `by the mover on host ${mover}`;
  return `${by}, ${transaction === null ? '' : `central's transaction ${transaction}, `}position ${n} of its source`;
}

function tryText(one: TracedTry): string {
  const { batch, calls, events, host, pid, worker } = one;
  const who = `worker ${worker}${host === null ? '' : ` on host ${host}`} (pid ${pid})`;
  const others = events > 1 ? ` in a transaction with ${counted(events - 1, 'other event')}` : '';
  const took =
    calls === 0
      ? ''
      : calls === 1
        ? `; the handler took ${ms(one.handlerMs)}`
        : `; the handler took ${ms(one.handlerMs)} in ${counted(calls, 'call')}, the longest ${ms(one.longestMs)}`;
  const again = batch.openings > 1 ? `, handed out ${batch.openings} times` : '';
  return `${fateOf(one)} by ${who}${others}${took}; batch ${batch.token}, ticks ${batch.startTick} to ${batch.endTick}${again}`;
}

function fateOf({ became, attempts, error, afterMs }: TracedTry): string {
  if (became === 'done') return 'done';
  const nth = attempts === null || attempts === 0 ? '' : ` at attempt ${attempts}`;
  const what = became === 'dead' ? `died${nth}` : `put off${nth} for ${ms(afterMs ?? 0)}`;
  return error === null ? what : `${what} (${error})`;
}

const deadText = ({ id, kind, attempts, redrivenAt }: TracedDeath): string =>
  `dead event ${id} (${kind}) after ${counted(attempts, 'attempt')}${redrivenAt === null ? '' : `, handed out again at ${redrivenAt}`}`;

function sentLines(sent: SentOn, depth: number): string[] {
  const type = sent.type === null ? '' : `, type ${sent.type}`;
  const own = line('sent', '', `${'  '.repeat(depth)}${sent.queue}:${sent.id}${type}: ${sent.summary}`);
  return [own, ...sent.sent.flatMap((one) => sentLines(one, depth + 1))];
}

const ms = (value: number): string =>
  value < 10 ? `${Math.round(value * 10) / 10} ms` : `${Math.round(value).toLocaleString('en-US')} ms`;
