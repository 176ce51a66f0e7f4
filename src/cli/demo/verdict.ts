// The proof as it is shown: a table of counts, and one sentence.
import { count, table } from '../terminal/output.ts';
import type { QueueVerdict } from './ledger.ts';

export function proofTable(verdicts: readonly QueueVerdict[]): string {
  const number = (title: string, value: (verdict: QueueVerdict) => number | undefined) => ({ title, value });
  return table<QueueVerdict>(
    [
      { title: 'central queue', value: ({ queue }) => queue },
      number('business rows', ({ expected }) => expected),
      number('committed', ({ committed }) => committed),
      number('moved', ({ moved }) => moved),
      number('handled', ({ handled }) => handled),
      number('lost', ({ lost }) => lost),
      number('twice', ({ twice }) => twice),
      number('out of order', ({ disordered }) => disordered),
      number('split', ({ split }) => split),
    ],
    verdicts,
  );
}

export const isProved = (verdicts: readonly QueueVerdict[]): boolean =>
  verdicts.length > 0 && verdicts.every((verdict) => verdict.holds && verdict.committed > 0);

export function proofSentence(verdicts: readonly QueueVerdict[]): string {
  const sum = (of: (verdict: QueueVerdict) => number) => verdicts.reduce((all, one) => all + of(one), 0);
  const lost = sum((one) => one.lost);
  const twice = sum((one) => one.twice);
  if (isProved(verdicts)) {
    return `Proved: ${count(sum((one) => one.committed))} events committed = moved = handled, ${lost} lost, ${twice} twice, order kept, no transaction split.`;
  }
  const examples = verdicts.flatMap((one) => one.examples).slice(0, 5);
  const which = examples.length === 0 ? '' : ` For instance ${examples.join(', ')}.`;
  return `NOT proved: ${lost} lost, ${twice} twice, ${sum((one) => one.disordered)} out of order, ${sum((one) => one.split)} transactions split.${which}`;
}
