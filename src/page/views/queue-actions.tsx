// Scales a central queue, pauses and resumes its sources, replaces its workers.
import { useState } from 'preact/hooks';
import type { DashboardState, Layout } from '../../http/dashboard/state.ts';
import { layout } from '../live/store.ts';
import { Ask, Outcome, useAction } from '../parts/action.tsx';

interface QueueActionsProps {
  readonly queue: Layout['queues'][number];
  readonly now: DashboardState['queues'][number] | undefined;
}

/** What pauses sources is at their queue, and not at its groups. */
export function QueueActions({ queue: { name, from, isWorked }, now }: QueueActionsProps) {
  const course = useAction();
  // A source with routes stands still as a whole.
  const others =
    layout.value?.queues.flatMap((other) =>
      other.name !== name && other.from.some((source) => from.includes(source)) ? [other.name] : [],
    ) ?? [];
  const run = (path: string, ...bodies: readonly object[]) => void course.run(path, ...bodies);
  return (
    <div class="actions">
      {isWorked && <Scale name={name} wanted={now?.workersWanted ?? 0} onScale={run} />}
      {isWorked && (
        <Ask
          label="Replace workers"
          title={`Replace the workers of ${name}?`}
          sure="Replace one after the other"
          onSure={() => run('api/reload-workers', { queue: name })}
        >
          <p>Each finishes what it has begun. New ones load the handler again.</p>
        </Ask>
      )}
      {from.length > 0 && (
        <>
          <Ask
            label="Pause"
            title={`Pause all sources of ${name}?`}
            field={{ name: 'Reason, for all who see it', hint: 'mail server moves' }}
            sure="Pause"
            onSure={(reason) => run('api/pause', ...from.map((queue) => ({ queue, reason })))}
          >
            <p>Nothing more is moved from the shards into {name}. What waits on central is still handled.</p>
            {others.length > 0 && (
              <p>Their sources feed {others.join(', ')} as well: nothing comes there either.</p>
            )}
          </Ask>
          <button
            type="button"
            disabled={course.isUnderWay}
            onClick={() => run('api/resume', ...from.map((queue) => ({ queue })))}
          >
            Resume
          </button>
        </>
      )}
      <Outcome course={course} />
    </div>
  );
}

function Scale(props: {
  readonly name: string;
  readonly wanted: number;
  onScale(path: string, body: object): void;
}) {
  const { name, wanted } = props;
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const workers = chosen ?? wanted;
  const submit = (event: Event) => {
    event.preventDefault();
    props.onScale('api/scale', { queue: name, workers });
    setChosen(undefined);
  };
  const step = (by: number) => setChosen(Math.max(0, workers + by));
  return (
    <form class="stepper" onSubmit={submit}>
      <label for="workers-wanted">Workers</label>
      <button type="button" aria-label="One worker less" disabled={workers === 0} onClick={() => step(-1)}>
        −
      </button>
      <input
        id="workers-wanted"
        type="number"
        min="0"
        max="1000"
        value={workers}
        onInput={({ currentTarget: { valueAsNumber } }) =>
          setChosen(Number.isNaN(valueAsNumber) ? undefined : valueAsNumber)
        }
      />
      <button type="button" aria-label="One worker more" onClick={() => step(1)}>
        +
      </button>
      <button type="submit" class="main" disabled={workers === wanted}>
        Scale
      </button>
    </form>
  );
}
