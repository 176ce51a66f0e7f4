// One thing that the server is asked for, and asked again after a while, in a component.
import { useEffect, useState } from 'preact/hooks';
import { ask } from './api.ts';
import { link } from './store.ts';

/** What could not be read is asked for again after this at the latest. */
const FAILED_MS = 5_000;

export interface Asked<T> {
  readonly value?: T | undefined;
  /** A sentence; what was read before stays. */
  readonly error?: string | undefined;
  /** Ask now, such as after an action. */
  again(): void;
}

/** @param everyMs not set: asked once. An undefined path asks for nothing. */
export function useReading<T>(path: string | undefined, everyMs?: number): Asked<T> {
  const [read, setRead] = useState<{ path?: string; value?: T; error?: string }>({});
  const [turn, setTurn] = useState(0);
  // A server that is back is asked at once.
  const isLive = link.value === 'live';
  useEffect(() => {
    if (path === undefined) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wasMissed = false;
    const look = async () => {
      let nextMs = everyMs;
      wasMissed = document.hidden;
      if (!document.hidden)
        try {
          const value = await ask<T>(path, abort.signal);
          setRead({ path, value });
        } catch (error) {
          if (abort.signal.aborted) return;
          const sentence = (error as Error).message;
          nextMs = everyMs === undefined ? undefined : Math.min(everyMs, FAILED_MS);
          setRead((before) => ({ ...(before.path === path ? before : { path }), error: sentence }));
        }
      if (nextMs !== undefined && !abort.signal.aborted) timer = setTimeout(look, nextMs);
    };
    // A tab that is seen again shows nothing old for up to a whole turn.
    const catchUp = () => {
      if (document.hidden || !wasMissed) return;
      clearTimeout(timer);
      void look();
    };
    document.addEventListener('visibilitychange', catchUp);
    void look();
    return () => {
      document.removeEventListener('visibilitychange', catchUp);
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, turn, isLive]);
  const current = read.path === path ? read : {};
  return { ...current, again: () => setTurn((count) => count + 1) };
}
