// Shows on stderr how much of a shard waits: one line that is rewritten on a terminal, elsewhere one every few seconds.
import { counted } from '../../../errors/words.ts';
import { plain } from '../../../lifecycle/plain.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { type DrainedSource, leftOf } from '../../../succession/drain.ts';
import type { CliContext } from '../../context.ts';

const ERASE_LINE = '\r\x1b[2K';

export function drainProgress(
  { raw: { stderr } }: Pick<CliContext, 'raw'>,
  name: string,
): { readonly look: (sources: readonly DrainedSource[]) => void; readonly end: () => void } {
  const isTerminal = stderr.isTTY === true;
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return {
    look(sources) {
      const left = leftOf(sources);
      const line = `draining ${name}: ${counted(left, 'event')} left`;
      if (isTerminal) stderr.write(ERASE_LINE + plain(line).slice(0, (stderr.columns ?? 80) - 1));
      else if (left > 0 && performance.now() - saidAtMs > TIMING.commands.drainSayMs) {
        saidAtMs = performance.now();
        stderr.write(`${line}\n`);
      }
    },
    end() {
      if (isTerminal) stderr.write(ERASE_LINE);
    },
  };
}
