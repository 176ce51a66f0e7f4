// Asking on a terminal before something is done that cannot be taken back.
import type { CliContext } from './context.ts';
import { linesOf } from './lines.ts';

/** True on `y` or `yes`; anything else, and the end of the input, is no. */
export async function confirm({ stdin, stdout }: CliContext, question: string): Promise<boolean> {
  stdout.write(`${question} [y/N] `);
  for await (const line of linesOf(stdin)) return /^y(es)?$/i.test(line.trim());
  return false;
}

/** Whether there is somebody to ask. */
export const canAsk = ({ stdin, stdout }: CliContext): boolean =>
  stdin.isTTY === true && stdout.isTTY === true;
