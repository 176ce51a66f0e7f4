// Shows progress of work on many databases on stderr: one line that is rewritten on a terminal, else a line for each error.
import { plain, plainLines } from '../../lifecycle/plain.ts';
import type { Output } from '../context.ts';

export interface FleetProgress {
  /** One more is done. @param trouble a sentence that stays on the screen. @param what shown until the next one. */
  step(trouble: string | undefined, what: string): void;
  /** Removes the rewritten line. */
  end(): void;
}

const ERASE_LINE = '\r\x1b[2K';

export function progressOn(stderr: Output, { total, what }: { total: number; what: string }): FleetProgress {
  let done = 0;
  const isTerminal = stderr.isTTY === true;
  const show = (detail: string) => {
    const line = `${what} ${done} of ${total} ${detail}`;
    if (isTerminal) stderr.write(ERASE_LINE + plain(line).slice(0, (stderr.columns ?? 80) - 1));
  };
  show('');
  return {
    step(trouble, detail) {
      done += 1;
      if (trouble !== undefined && isTerminal) stderr.write(`${ERASE_LINE}${plainLines(trouble)}\n`);
      if (isTerminal) show(detail);
      else if (done === total || done % Math.max(1, Math.ceil(total / 10)) === 0)
        stderr.write(`${what} ${done} of ${total}\n`);
    },
    end() {
      if (isTerminal) stderr.write(ERASE_LINE);
    },
  };
}
