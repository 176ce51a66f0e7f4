// The identity of this installation: a name, and a uuid made by the first install.

import { sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { CentralLink } from './central-link.ts';

export interface Identity {
  readonly id: string;
  readonly name: string;
}

/** @throws misconfigured where central is not installed, or belongs to an installation of another name. */
export async function readIdentity(link: Pick<CentralLink, 'query'>, name: string): Promise<Identity> {
  let rows: { id: string; name: string }[];
  try {
    rows = await link.query<{ id: string; name: string }>(
      'select id::text as id, name from tributary.identity',
    );
  } catch (error) {
    const cause = error instanceof TributaryError ? error.cause : error;
    if (['42P01', '3F000'].includes(sqlstateOf(cause) ?? '')) throw notInstalled(error);
    throw error;
  }
  const [identity] = rows;
  if (identity === undefined) throw notInstalled(undefined);
  if (identity.name !== name) {
    throw new TributaryError(
      `Central belongs to the installation \`${identity.name}\`, but the file says \`name: ${name}\`.`,
      {
        code: 'other-installation',
        kind: 'misconfigured',
        remedy: 'Correct the name, or use a central database of its own.',
      },
    );
  }
  return identity;
}

function notInstalled(cause: unknown): TributaryError {
  return new TributaryError('Central is not installed.', {
    code: 'not-installed',
    kind: 'misconfigured',
    remedy: 'Run `tributary install`.',
    cause,
  });
}
