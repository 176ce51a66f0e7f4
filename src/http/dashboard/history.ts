// One central queue over time, as the page draws it. Pure.
import type { Happening, HistoryStep } from '../../central/logbook/read.ts';
import type { MarkKind, QueueHistory } from './state.ts';

/** How much is shown, and in which steps. */
export const HISTORY_SPANS = {
  '1h': { span: '1 hour', step: '10 seconds', stepS: 10 },
  '24h': { span: '24 hours', step: '2 minutes', stepS: 120 },
} as const;

const MARKED: readonly string[] = [
  'deploy',
  'scale',
  'pause',
  'resume',
  'take-over',
  'halt',
  'reload',
] satisfies readonly MarkKind[];
/** Marks of one kind that are closer together are one, in seconds. */
const ONE_MARK_S = 60;

/** Steps that are missing before it counts as a time in which nobody measured: one is, where a step has two figures. */
const MISSED_STEPS = 3;

/** @param steps the oldest first, as happenings are. */
export function historyOf(
  steps: readonly HistoryStep[],
  happenings: readonly Happening[],
  stepS: number,
): QueueHistory {
  const all = steps.flatMap((step, i) => {
    const before = steps[i - 1]?.at ?? step.at;
    const wasSilent = step.at - before > MISSED_STEPS * stepS;
    return wasSilent ? [{ ...NOTHING, at: before + stepS }, step] : [step];
  });
  return {
    at: all.map(({ at }) => at),
    inRate: all.map(({ in_rate }) => in_rate),
    outRate: all.map(({ out_rate }) => out_rate),
    waiting: all.map(({ waiting }) => waiting),
    age: all.map(({ age }) => age),
    marks: marksOf(happenings),
  };
}

const NOTHING = { in_rate: null, out_rate: null, waiting: null, age: null };

function marksOf(happenings: readonly Happening[]): QueueHistory['marks'] {
  const groups: { readonly at: number; readonly kind: MarkKind; readonly text: string; more: number }[] = [];
  for (const { at, kind, who, what } of happenings) {
    if (!MARKED.includes(kind)) continue;
    const open = groups.findLast((group) => group.kind === kind);
    if (open !== undefined && at - open.at < ONE_MARK_S) open.more += 1;
    else
      groups.push({ at, kind: kind as MarkKind, text: who === undefined ? what : `${who} ${what}`, more: 0 });
  }
  return groups.map(({ more, text, ...mark }) => ({
    ...mark,
    text: more === 0 ? text : `${text} And ${more} more within a minute.`,
  }));
}
