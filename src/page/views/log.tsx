// What operators did, from the command line and from this page, the newest first.
import type { OperatorAction } from '../../http/dashboard/state.ts';
import { useReading } from '../live/reading.ts';
import { state } from '../live/store.ts';
import { Empty, ProblemLine, Unread } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { shownTime } from '../words/times.ts';

const EVERY_MS = 10_000;

export function OperatorsLog() {
  const { value, error } = useReading<readonly OperatorAction[]>('api/log', EVERY_MS);
  const now = state.value?.at ?? '';
  return (
    <>
      <h1>What operators did</h1>
      {error !== undefined && value !== undefined && <ProblemLine sentence={error} />}
      {value === undefined ? (
        <Unread error={error} what="the log" />
      ) : value.length === 0 ? (
        <Empty>Nobody has paused, scaled, retried, discarded or repaired anything yet.</Empty>
      ) : (
        <Table
          caption="Operators' actions"
          rows={value}
          keyOf={({ at, who, what }) => `${at} ${who} ${what}`}
          columns={[
            { name: 'When', show: ({ at }) => <time dateTime={at}>{shownTime(at, now)}</time> },
            { name: 'Who', show: ({ who }) => who },
            { name: 'From', show: ({ from }) => (from === 'cli' ? 'command line' : 'this page') },
            { name: 'What', show: ({ what }) => what },
          ]}
        />
      )}
    </>
  );
}
