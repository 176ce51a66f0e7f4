// lag --watch: shows lag every second, redrawn on a terminal, one block after the other elsewhere.
import type { ReadStream } from 'node:tty';
import { sentenceFor } from '../../../errors/sentence.ts';
import { plain } from '../../../lifecycle/plain.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import type { LagReader } from '../../../observability/lag/reader.ts';
import type { LagReport } from '../../../observability/lag/report.ts';
import type { CliContext } from '../../context.ts';
import { fitted } from '../../terminal/fit.ts';
import { widthOf } from '../../terminal/output.ts';
import { Trends } from './trends.ts';

export interface WatchOptions {
  readonly context: CliContext;
  readonly live: boolean;
  readonly isJson: boolean;
  show(report: LagReport): string;
  readonly everyMs?: number;
}

const HOME_AND_ERASE = '\x1b[H\x1b[2J';
/** Of a terminal that does not tell. */
const COLUMNS = 80;
/** The cursor's row, below the picture. */
const BESIDES = 1;
/** `q`, and Ctrl-C and Ctrl-D, which are no signals where keys come one by one. */
const QUITS = ['q', 'Q', '\x03', '\x04'];

/**
 * Until the first stop signal, or `q` on a terminal. Where central cannot be reached meanwhile, that is shown, and tried again.
 * @returns the last report.
 * @throws what the first look throws.
 */
export async function watchLag(
  reader: Pick<LagReader, 'read'>,
  { context, live, isJson, show, everyMs = TIMING.commands.watchEveryMs }: WatchOptions,
): Promise<LagReport | undefined> {
  const { stdout } = context.raw;
  const isPicture = !isJson && stdout.isTTY === true;
  const keys = isPicture ? readKeys(context.stdin) : undefined;
  const signal = keys === undefined ? context.signal : AbortSignal.any([context.signal, keys.quit]);
  const trends = new Trends();
  let report: LagReport | undefined;
  try {
    while (!signal.aborted) {
      const beganMs = performance.now();
      try {
        report = await reader.read({ live, patienceMs: TIMING.commands.watchPatienceMs });
        trends.add(report);
        draw(show(report));
      } catch (error) {
        if (report === undefined) throw error;
        const sentence = `${sentenceFor(error, 'Central')} It is tried again.`;
        if (isJson) context.stderr.write(`${sentence}\n`);
        else draw(`${plain(sentence)}\n`);
      }
      await wait(Math.max(0, everyMs - (performance.now() - beganMs)), signal);
    }
  } finally {
    keys?.end();
  }
  return report;

  function draw(text: string): void {
    if (isJson) stdout.write(text);
    else if (isPicture) {
      const head = `${new Date().toLocaleTimeString('en-GB')}${keys === undefined ? '' : '   q quits'}`;
      const { isAscii = false } = stdout;
      const seen = trends.text({ width: widthOf(stdout) ?? COLUMNS, isAscii });
      stdout.write(`${HOME_AND_ERASE}${fitted(`${head}\n\n${seen}${text}`, stdout, BESIDES)}`);
    } else stdout.write(`${new Date().toISOString()}\n${text}\n`);
  }
}

/** Reads keys one by one, without an echo, until `end`; undefined where there is no keyboard. */
function readKeys(stdin: CliContext['stdin']): { readonly quit: AbortSignal; end(): void } | undefined {
  if (stdin.isTTY !== true) return undefined;
  const quit = new AbortController();
  const keyboard = stdin as ReadStream;
  const onKeys = (keys: Buffer | string) => {
    if (QUITS.some((key) => keys.toString().includes(key))) quit.abort();
  };
  keyboard.setRawMode(true);
  keyboard.on('data', onKeys);
  return {
    quit: quit.signal,
    end: () => {
      keyboard.off('data', onKeys);
      keyboard.setRawMode(false);
      keyboard.pause();
    },
  };
}
