// Lag again each second: redrawn on a terminal, one block after the other elsewhere.
import { sentenceFor } from '../errors/sentence.ts';
import { wait } from '../lifecycle/wait.ts';
import type { LagReader } from '../observability/lag.ts';
import type { LagReport } from '../observability/lag-report.ts';
import type { CliContext } from './context.ts';

export interface WatchOptions {
  readonly context: CliContext;
  readonly live: boolean;
  readonly isJson: boolean;
  show(report: LagReport): string;
  readonly everyMs?: number;
}

const EVERY_MS = 1_000;
/** A shard that does not answer must not hold up the picture. */
const PATIENCE_MS = 800;
const HOME_AND_ERASE = '\x1b[H\x1b[2J';

/**
 * Until the first stop signal. Central may go away meanwhile: that is said, and tried again.
 * @returns the last report.
 * @throws what the first look throws.
 */
export async function watchLag(
  reader: Pick<LagReader, 'read'>,
  { context, live, isJson, show, everyMs = EVERY_MS }: WatchOptions,
): Promise<LagReport | undefined> {
  const { signal, stdout } = context;
  let report: LagReport | undefined;
  while (!signal.aborted) {
    const beganMs = Date.now();
    try {
      report = await reader.read({ live, patienceMs: PATIENCE_MS });
      draw(show(report));
    } catch (error) {
      if (report === undefined) throw error;
      const sentence = `${sentenceFor(error, 'Central')} It is tried again.`;
      if (isJson) context.stderr.write(`${sentence}\n`);
      else draw(`${sentence}\n`);
    }
    await wait(Math.max(0, everyMs - (Date.now() - beganMs)), signal);
  }
  return report;

  function draw(text: string): void {
    if (isJson) stdout.write(text);
    else if (stdout.isTTY)
      stdout.write(`${HOME_AND_ERASE}${new Date().toLocaleTimeString('en-GB')}\n\n${text}`);
    else stdout.write(`${new Date().toISOString()}\n${text}\n`);
  }
}
