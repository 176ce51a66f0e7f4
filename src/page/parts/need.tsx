// One thing that needs somebody, where it is about what is shown: the sentence, what to do, and the command to copy.
import type { DashboardState } from '../../http/dashboard/state.ts';
import { Command } from './copy.tsx';
import { Sentence } from './shown.tsx';

export function NeededHere({ need }: { readonly need: DashboardState['diagnoses'][number] }) {
  const { sentence, remedy, command, severity } = need;
  return (
    <div class={`aside ${severity}`}>
      <p>
        <Sentence text={sentence} />
      </p>
      <p class="muted">
        <Sentence text={remedy} />
      </p>
      {command !== undefined && <Command text={command} />}
    </div>
  );
}
