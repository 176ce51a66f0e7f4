// `reload`: lanes that the file has and central has not. Where the file says `install: auto` they are carried out; else the command that
// does it is named.
import type { CentralLink } from '../../../central/central-link.ts';
import { noted } from '../../../central/logbook/note.ts';
import type { Config } from '../../../config/config.ts';
import { workedIn } from '../../../config/worked.ts';
import { readCentralFacts } from '../../../install/facts/central.ts';
import { install } from '../../../install/install.ts';
import { laneSteps } from '../../../install/plan/lanes.ts';
import { groupName } from '../../../queue/names.ts';
import type { CliContext } from '../../context.ts';
import { operator } from '../../operator.ts';

/** @returns false where they could not be carried out. */
export async function changeLanes(
  link: CentralLink,
  config: Config,
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<boolean> {
  const { lanes, pools } = await link.use((central) => readCentralFacts(central, config.central));
  // One that is not installed yet gets its lanes together with its beginning.
  const others = workedIn(config)
    .filter(({ name }) => pools.has(name))
    .flatMap((worked) =>
      laneSteps(worked, { central: { lanes }, group: groupName(config, worked.group) }).map(({ what }) => ({
        name: worked.name,
        what,
      })),
    );
  if (others.length === 0) return true;
  const what = others.map((one) => one.what).join('; ');
  if (config.install !== 'auto') {
    stdout.write(
      `Not carried out yet: ${what}. \`tributary install\` does it, or say \`install: auto\` in the file.\n`,
    );
    return true;
  }
  const names = others.map(({ name }) => name);
  const rows = await install({ ...config, shards: [] }, { isAddition: true, lanesOf: new Set(names) });
  const mistakes = rows.flatMap((row) => row.mistakes);
  if (mistakes.length === 0)
    await noted(link, operator(), async () => ({
      result: undefined,
      note: { kind: 'reload', queues: names, what: `${what}.` },
    }));
  stdout.write(mistakes.length > 0 ? `Not carried out: ${mistakes.join(' ')}\n` : `Done: ${what}.\n`);
  return mistakes.length === 0;
}
