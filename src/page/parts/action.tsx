// Buttons that change something: they ask once more where that cannot be taken back, and say what came of it.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { act } from '../live/api.ts';

export interface ActionCourse {
  readonly isUnderWay: boolean;
  readonly said?: string | undefined;
  readonly error?: string | undefined;
  /** One after the other, until one fails. @returns whether all was done. */
  run(path: string, ...bodies: readonly object[]): Promise<boolean>;
}

export function useAction(after?: () => void): ActionCourse {
  const [course, setCourse] = useState<Omit<ActionCourse, 'run'>>({ isUnderWay: false });
  const run = async (path: string, ...bodies: readonly object[]) => {
    setCourse({ isUnderWay: true });
    try {
      const said: string[] = [];
      for (const body of bodies) said.push((await act<{ readonly said: string }>(path, body)).said);
      setCourse({ isUnderWay: false, said: said.join(' ') });
      after?.();
      return true;
    } catch (error) {
      setCourse({ isUnderWay: false, error: (error as Error).message });
      return false;
    }
  };
  return { ...course, run };
}

export function Outcome({ course }: { readonly course: ActionCourse }) {
  return (
    <p role="status" class={course.error === undefined ? 'outcome' : 'outcome problem'}>
      {course.error ?? course.said ?? ''}
    </p>
  );
}

/** A button that opens a dialog with a form; `onSure` is called with what was typed. */
export function Ask(props: {
  readonly label: string;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly field?: { readonly name: string; readonly hint?: string; readonly wanted?: string };
  readonly sure: string;
  readonly tone?: 'danger';
  readonly isDisabled?: boolean;
  onSure(typed: string): void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const { field } = props;
  const isAllowed = field?.wanted === undefined || typed.trim() === field.wanted;
  const open = () => {
    setTyped('');
    dialog.current?.showModal();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (!isAllowed) return;
    dialog.current?.close();
    props.onSure(typed.trim());
  };
  return (
    <>
      <button type="button" class={props.tone ?? ''} disabled={props.isDisabled} onClick={open}>
        {props.label}
      </button>
      <dialog ref={dialog} aria-label={props.title}>
        <form method="dialog" onSubmit={submit}>
          <h2>{props.title}</h2>
          {props.children}
          {field !== undefined && (
            <label>
              <span>{field.name}</span>
              <input
                type="text"
                autocomplete="off"
                value={typed}
                placeholder={field.hint}
                onInput={({ currentTarget }) => setTyped(currentTarget.value)}
              />
            </label>
          )}
          <div class="buttons">
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" class={props.tone ?? 'main'} disabled={!isAllowed}>
              {props.sure}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
