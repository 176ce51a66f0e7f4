// What needs you: causes, the worst first, each with its evidence, its remedy and the command to copy.
import { useState } from 'preact/hooks';
import type { DashboardState } from '../../http/dashboard/state.ts';
import { layout } from '../live/store.ts';
import { Command } from '../parts/copy.tsx';
import { Sentence } from '../parts/shown.tsx';
import { hashOf } from '../url/route.ts';
import { groupedByCause } from '../words/causes.ts';

type Need = DashboardState['diagnoses'][number];

const FIRST = 4;
const FIRST_NAMES = 5;

export function Needs({ needs }: { readonly needs: readonly Need[] }) {
  const [isWhole, setWhole] = useState(false);
  if (needs.length === 0) return null;
  const groups = groupedByCause(needs);
  const shown = isWhole ? groups : groups.slice(0, FIRST);
  return (
    <section aria-labelledby="needs" class="needs">
      <h2 id="needs" class="unseen">
        What needs you
      </h2>
      <ol>
        {shown.map(([first, ...others]) => (
          <li key={keyOf(first)}>
            <OneNeed need={first} />
            {others.length > 0 && <Others needs={others} />}
          </li>
        ))}
      </ol>
      {groups.length > FIRST && (
        <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show ${groups.length - FIRST} more`}
        </button>
      )}
    </section>
  );
}

/** Those of the same cause, the worst of each open and the others behind it. */
function Others({ needs }: { readonly needs: readonly Need[] }) {
  return (
    <details class="others">
      <summary>{needs.length} more of the same cause</summary>
      <ol>
        {needs.map((need) => (
          <li key={keyOf(need)}>
            <OneNeed need={need} />
          </li>
        ))}
      </ol>
    </details>
  );
}

const keyOf = ({ cause, of, names }: Need): string => `${cause} ${of} ${names[0] ?? ''}`;

function OneNeed({ need }: { readonly need: Need }) {
  return (
    <article class={`need ${need.severity}`}>
      <div class="what">
        <p class="cause">
          <i aria-hidden="true" />
          <span class="unseen">{need.severity === 'broken' ? 'Broken: ' : 'A risk: '}</span>
          <Sentence text={need.sentence} />
        </p>
        {need.evidence.length > 0 && (
          <p class="evidence">
            {need.evidence.map((fact) => (
              <span key={fact}>{fact}</span>
            ))}
          </p>
        )}
        <Names need={need} />
      </div>
      <div class="do">
        <p>
          <Sentence text={need.remedy} />
        </p>
        {need.command !== undefined && <Command text={need.command} />}
      </div>
    </article>
  );
}

function Names({ need: { of, names } }: { readonly need: Need }) {
  const [isWhole, setWhole] = useState(false);
  if (of === 'central' || of === 'host' || names.length === 0) return null;
  const shown = isWhole ? names : names.slice(0, FIRST_NAMES);
  return (
    <p class="names">
      {shown.map((name) => {
        const address = addressOf(of, name);
        return address === undefined ? (
          <span key={name}>{name}</span>
        ) : (
          <a key={name} href={address}>
            {name}
          </a>
        );
      })}
      {names.length > FIRST_NAMES && (
        <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'fewer' : `and ${names.length - FIRST_NAMES} more`}
        </button>
      )}
    </p>
  );
}

/** Undefined: there is no page of it, as of central's own database, or of what the file does not name any more. */
function addressOf(of: Need['of'], name: string): string | undefined {
  const { queues = [], hosts = [] } = layout.value ?? {};
  if (of === 'queue')
    return queues.some((queue) => queue.name === name) ? hashOf({ page: 'queue', names: [name] }) : undefined;
  const colon = name.indexOf(':');
  if (of === 'source' && colon > 0)
    return hashOf({ page: 'source', names: [name.slice(0, colon), name.slice(colon + 1)] });
  const [first] = queues.flatMap(({ from }) => from);
  if (first === undefined || !hosts.some(({ shards }) => shards.includes(name))) return undefined;
  return hashOf({ page: 'source', names: [name, first] });
}
