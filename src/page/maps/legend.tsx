// What colours, glyphs and hatching of the maps mean.
import { STATE_MEANING, STATES } from '../words/states.ts';
import { STEP_NAMES, STEP_STARTS } from './scale.ts';

export function Legend() {
  return (
    <div class="legend">
      <div class="ages">
        <span id="legend-ages">Age of the oldest event not moved</span>
        <ol aria-labelledby="legend-ages">
          {STEP_STARTS.map((start, step) => (
            <li key={start}>
              <i class="cell" data-looks={`a${step} moving`} aria-hidden="true" />
              <span aria-hidden="true">{start}</span>
              <span class="unseen">{STEP_NAMES[step]}</span>
            </li>
          ))}
        </ol>
      </div>
      <ul>
        {STATES.filter((state) => state !== 'moving' && state !== 'idle').map((state) => (
          <li key={state} title={STATE_MEANING[state]}>
            <i class="cell" data-looks={`a2 ${state}`} aria-hidden="true" />
            {state}
          </li>
        ))}
        <li>
          <i class="cell" data-looks="a1 moving unseen" aria-hidden="true" />
          not seen lately
        </li>
        <li>
          <i class="cell" data-looks="unknown moving" aria-hidden="true" />
          age not known
        </li>
      </ul>
    </div>
  );
}
