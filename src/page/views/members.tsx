// Who takes part: movers and hosts of workers, what they hold, and whether they run the same version and file.
import type { DashboardState } from '../../http/dashboard/state.ts';
import { layout, state } from '../live/store.ts';
import { Empty, Sentence } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { countOf, UNKNOWN } from '../words/numbers.ts';
import { secondsBetween, shortSeconds } from '../words/times.ts';

type Member = DashboardState['members'][number];

/** A member that is silent for longer is about to lose its leases. */
const SILENT_SECONDS = 5;

export function Members() {
  const now = state.value;
  if (now === undefined) return <Empty>No figures yet.</Empty>;
  const [version, hash] = [layout.value?.version, layout.value?.fileHash];
  return (
    <>
      <div class="page-head">
        <h1>Members</h1>
        <p class="note">
          Version {version}, file {shortHash(hash ?? null)}: what the host that serves this page runs with.
        </p>
      </div>
      {now.members.length === 0 ? (
        <Empty>
          <Sentence text="Nobody takes part: `tributary start` on each host moves its shards and runs its workers." />
        </Empty>
      ) : (
        <Table
          caption="Members"
          rows={now.members}
          keyOf={({ id }) => id}
          toneOf={({ silent }) => (silent > SILENT_SECONDS ? 'broken' : '')}
          columns={[
            { name: 'Host', show: ({ host }) => host },
            { name: 'Kind', show: ({ kind }) => (kind === 'mover' ? 'mover' : 'workers') },
            { name: 'Pid', isNumber: true, show: ({ pid }) => pid ?? UNKNOWN },
            {
              name: 'Up',
              isNumber: true,
              show: ({ startedAt }) => shortSeconds(secondsBetween(startedAt, now.at ?? startedAt)),
            },
            { name: 'Last beat', isNumber: true, show: ({ silent }) => `${shortSeconds(silent)} ago` },
            {
              name: 'Version',
              show: ({ version: own }) => <Compared own={own ?? UNKNOWN} usual={version} />,
            },
            {
              name: 'File',
              show: ({ fileHash }) => <Compared own={shortHash(fileHash)} usual={shortHash(hash ?? null)} />,
            },
            { name: 'Leases', show: (member) => <Leases member={member} /> },
          ]}
        />
      )}
    </>
  );
}

const shortHash = (hash: string | null): string => hash?.slice(0, 8) ?? UNKNOWN;

function Compared({ own, usual }: { readonly own: string; readonly usual: string | undefined }) {
  if (own === UNKNOWN || usual === undefined || own === usual) return <code>{own}</code>;
  return (
    <span class="differs">
      <code>{own}</code> differs
    </span>
  );
}

function Leases({ member: { leases } }: { readonly member: Member }) {
  if (leases.length === 0) return <span class="muted">none</span>;
  return (
    <details>
      <summary>{countOf(leases.length, 'lease')}</summary>
      <p class="names">
        {leases.map((lease) => (
          <span key={lease}>{lease}</span>
        ))}
      </p>
    </details>
  );
}
