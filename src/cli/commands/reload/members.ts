// `reload`: asks all members to read their files again, waits for their answers, and says what became of each.
import type { CentralLink } from '../../../central/central-link.ts';
import type { Config } from '../../../config/config.ts';
import { askForFiles, type MemberFile, readMemberFiles } from '../../../fleet/file-requests.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import type { CliContext } from '../../context.ts';
import { operator } from '../../operator.ts';

/** @returns false where a member does not run with this file afterwards. */
export async function rereadFiles(
  link: CentralLink,
  config: Config,
  { context, patienceMs }: { readonly context: CliContext; readonly patienceMs: number },
): Promise<boolean> {
  const number = await askForFiles(link, operator());
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const members = await link.use(readMemberFiles);
    const isOver =
      members.every(({ asked }) => asked === undefined || asked >= number) || performance.now() > endMs;
    if (!isOver) {
      await wait(TIMING.commands.reloadAskMs, context.signal);
      if (context.signal.aborted) return false;
      continue;
    }
    if (members.length === 0)
      context.stdout.write('No mover and no workers run now: those that start read the file.\n');
    const lines = new Set(members.map((member) => sentence(member, { number, config })));
    for (const line of lines) context.stdout.write(`${line}\n`);
    return members.every((member) => isTaken(member, { number, config }));
  }
}

interface Meant {
  readonly number: number;
  readonly config: Config;
}

const isTaken = ({ asked, hash, refused }: MemberFile, { number, config }: Meant): boolean =>
  asked !== undefined && asked >= number && refused.length === 0 && hash === config.hash;

function sentence({ host, kind, asked, hash, refused }: MemberFile, { number, config }: Meant): string {
  const who = kind === 'mover' ? `The mover on ${host}` : `Workers on ${host}`;
  if (asked === undefined)
    return `${who}: an older version, which reads its file at its start only; restart it.`;
  if (asked < number) return `${who}: no answer yet; the log there says why.`;
  if (refused.length > 0) return `${who}: the file there changes nothing: ${refused.join(' ')}`;
  if (hash !== config.hash)
    return `${who}: read again, and another file than ${config.file}: bring this one there, and reload once more.`;
  return `${who}: this file counts now.`;
}
