// Asks on a terminal before something is done that cannot be undone.
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { linesOf } from './lines.ts';

/** True on `y` or `yes`; anything else, and the end of the input, is no. */
export async function confirm({ stdin, stdout }: CliContext, question: string): Promise<boolean> {
  stdout.write(`${question} [y/N] `);
  for await (const line of linesOf(stdin)) return /^y(es)?$/i.test(line.trim());
  return false;
}

/** Whether input and output are a terminal. */
export const canAsk = ({ stdin, stdout }: CliContext): boolean =>
  stdin.isTTY === true && stdout.isTTY === true;

/**
 * Says what would happen, and returns only where the user agrees.
 * @throws Exit where there is no terminal, or the answer is no.
 */
export async function mustConfirm(
  context: CliContext,
  {
    sentence,
    question,
    verb,
  }: { readonly sentence: string; readonly question: string; readonly verb: string },
): Promise<void> {
  if (!canAsk(context))
    throw new Exit(
      EXIT.wrong,
      `${sentence} There is no terminal to ask on, so nothing was changed: add --yes to ${verb}.`,
    );
  context.stdout.write(`${sentence}\n`);
  if (!(await confirm(context, question))) throw new Exit(EXIT.failed, 'Nothing was changed.');
}
