// Small things that many views show: a figure with its name, a state, a place that is empty, an error, a page's title.
import type { ComponentChildren } from 'preact';
import { type CellState, STATE_MEANING } from '../words/states.ts';

type Text = string | number;

export function Figure(props: {
  readonly name: string;
  readonly children: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly tone?: 'broken' | 'risk' | undefined;
}) {
  return (
    <div class={`figure ${props.tone ?? ''}`}>
      <dt>{props.name}</dt>
      <dd>
        {props.children}
        {props.note !== undefined && <small>{props.note}</small>}
      </dd>
    </div>
  );
}

export function StateBadge({ state }: { readonly state: CellState }) {
  return (
    <span class={`state s-${state}`} title={STATE_MEANING[state]}>
      <i class="glyph" aria-hidden="true" />
      {state}
    </span>
  );
}

/** What stands where a list has nothing, or has not come yet. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function ProblemLine({ sentence }: { readonly sentence: Text }) {
  return (
    <p class="problem" role="alert">
      {sentence}
    </p>
  );
}

/** A long one scrolls by itself, also by keys. */
export function ErrorText({ text }: { readonly text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <pre class="error" tabIndex={0}>
      {text}
    </pre>
  );
}

/** A list that has not come, could not be read, or has nothing in it. */
export function Unread({ error, what }: { readonly error?: string | undefined; readonly what: string }) {
  return error === undefined ? <Empty>Asking for {what}.</Empty> : <ProblemLine sentence={error} />;
}

export function Titled(props: {
  readonly title: ComponentChildren;
  readonly side?: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly id: string;
  readonly children: ComponentChildren;
}) {
  return (
    <section aria-labelledby={props.id}>
      <header class="section-head">
        <h2 id={props.id}>{props.title}</h2>
        {props.note !== undefined && <p class="note">{props.note}</p>}
        {props.side !== undefined && <div class="side">{props.side}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** A sentence of the server, in which what is between backticks is a command or a key. */
export function Sentence({ text }: { readonly text: string }) {
  return (
    <>
      {text
        .split('`')
        // What the text has twice is the same both times.
        .map((part, at) => (at % 2 === 0 ? part : <code key={part}>{part}</code>))}
    </>
  );
}
