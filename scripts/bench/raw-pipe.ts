// The reference: psql COPY out of the event tables piped into psql COPY in, binary, same rows and columns, two at a time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Pipe {
  readonly from: string;
  readonly to: string;
  /** `select …` on the source. */
  readonly select: string;
  /** `table (columns)` on the destination. */
  readonly into: string;
}

/** @returns seconds that all pipes took, two at a time. */
export async function runPipes(pipes: readonly Pipe[]): Promise<number> {
  const began = performance.now();
  const waiting = [...pipes];
  const lane = async () => {
    for (let pipe = waiting.shift(); pipe !== undefined; pipe = waiting.shift()) await runPipe(pipe);
  };
  await Promise.all([lane(), lane()]);
  return (performance.now() - began) / 1000;
}

async function runPipe({ from, to, select, into }: Pipe): Promise<void> {
  const out = spawn('psql', ['-X', '-q', '-c', `copy (${select}) to stdout (format binary)`, from], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const into_ = spawn('psql', ['-X', '-q', '-c', `copy ${into} from stdin (format binary)`, to], {
    stdio: [out.stdout, 'ignore', 'inherit'],
  });
  // The pipe connects the two processes: this one must not read from it.
  out.stdout?.destroy();
  const codes = await Promise.all([once(out, 'close'), once(into_, 'close')]);
  if (codes.some(([code]) => code !== 0)) throw new Error('psql failed; is it installed?');
}
