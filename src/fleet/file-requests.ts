// Requests to all members to read their files again (tributary.file_request), and what each member says of it.
import type { CentralLink } from '../central/central-link.ts';
import { noted, type Operator } from '../central/logbook/note.ts';
import type { Connection } from '../postgres/connection.ts';

/** Older ones are of no use to anybody. */
const KEPT = '90 days';

/** Asks all members: their next beats show it. @returns the number of the request. */
export async function askForFiles(link: Pick<CentralLink, 'use'>, operator: Operator): Promise<number> {
  return await noted(link, operator, async (central) => {
    const [row] = await central.query<{ n: number }>(
      `with old as (delete from tributary.file_request where asked_at < now() - $2::interval)
       insert into tributary.file_request (asked_by) values ($1) returning n`,
      [operator.who, KEPT],
    );
    const what = 'asked all hosts to read their files again.';
    return { result: Number(row?.n), note: { kind: 'reload', what } };
  });
}

/** How a member and the file that it runs with come together: by its beats, and by what it sees in central. */
export interface FileReport {
  readonly stand: object;
  /** How often all members were asked to read their files again. */
  noteAsked(number: number): void;
}

/** What a living member says of its file. */
export interface MemberFile {
  readonly host: string;
  readonly kind: 'mover' | 'work';
  readonly hash: string | undefined;
  /** Up to which request it has answered; undefined: its version cannot. */
  readonly asked: number | undefined;
  /** Why it did not take its file over. */
  readonly refused: readonly string[];
}

export async function readMemberFiles(central: Connection): Promise<MemberFile[]> {
  const rows = await central.query<{
    host: string;
    kind: MemberFile['kind'];
    hash: string | null;
    asked: number | null;
    refused: string[] | null;
  }>(
    `select host, kind, file_hash as hash, (details -> 'file' ->> 'asked')::float8 as asked,
        nullif(details -> 'file' -> 'refused', 'null') as refused
       from tributary.member
      where until between clock_timestamp() and clock_timestamp() + ttl
      order by host, kind, started_at`,
  );
  return rows.map(({ hash, asked, refused, ...row }) => ({
    ...row,
    hash: hash ?? undefined,
    asked: asked ?? undefined,
    refused: refused ?? [],
  }));
}
