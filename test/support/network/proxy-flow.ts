// One direction of the proxy's connections: passes bytes on at once, later, not at all, or up to a number of bytes.
import type { Socket } from 'node:net';

/** The faults of one direction; changed while connections are open. */
export interface Flow {
  isSwallowed: boolean;
  delayMs: number;
  /** Bytes left until the cut; undefined: no cut is planned. */
  budget: number | undefined;
  passed: number;
}

/**
 * Passes what `from` sends on to `to`, in order even when the delay changes; an end or a break on one side ends both.
 * @param isStranded whether this connection alone is a black hole.
 */
export function pass(from: Socket, to: Socket, flow: Flow, isStranded: () => boolean = () => false): void {
  const isSwallowed = () => flow.isSwallowed || isStranded();
  let lastDueMs = 0;
  const later = (act: () => void) => {
    lastDueMs = Math.max(lastDueMs, Date.now() + flow.delayMs);
    const waitMs = lastDueMs - Date.now();
    if (flow.delayMs === 0 && waitMs <= 0) act();
    else setTimeout(act, waitMs);
  };
  const cut = () => {
    from.destroy();
    to.destroy();
  };
  // Bytes behind a cut are lost too: a network never leaves a gap in the middle of a stream.
  let isCut = false;
  from.on('data', (chunk: Buffer) => {
    if (isSwallowed() || isCut) return;
    const allowed = take(flow, chunk.length);
    isCut = allowed < chunk.length;
    later(() => {
      if (to.destroyed || isSwallowed()) return;
      flow.passed += allowed;
      if (allowed < chunk.length) {
        to.write(chunk.subarray(0, allowed), cut);
      } else if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
  });
  from.on('end', () => {
    if (!isSwallowed()) later(() => to.end());
  });
  from.on('close', (hadError) => {
    if (hadError && !isSwallowed()) later(() => to.destroy());
    else if (!isSwallowed()) later(() => to.end());
  });
}

/** How many of `bytes` may pass; the cut happens once. */
function take(flow: Flow, bytes: number): number {
  if (flow.budget === undefined) return bytes;
  if (bytes <= flow.budget) {
    flow.budget -= bytes;
    return bytes;
  }
  const allowed = flow.budget;
  flow.budget = undefined;
  return allowed;
}
