// Freezes processes for a while, and waits until all of them go on.
import { setTimeout as pause } from 'node:timers/promises';
import type { TestProcess } from './process.ts';

export class Freezer {
  readonly #frozen = new Set<TestProcess>();
  readonly #thaws: Promise<void>[] = [];

  /** Whether it is frozen now, together with all that it forked. */
  has(leader: TestProcess): boolean {
    return this.#frozen.has(leader);
  }

  /** Freezes one process alone for this long. */
  one(pid: number, ms: number): void {
    send(pid, 'SIGSTOP');
    this.#thaws.push(pause(ms).then(() => send(pid, 'SIGCONT')));
  }

  /** Freezes a process and all that it forked, for this long. */
  group(leader: TestProcess, ms: number): void {
    this.#frozen.add(leader);
    send(-leader.pid, 'SIGSTOP');
    this.#thaws.push(
      pause(ms).then(() => {
        send(-leader.pid, 'SIGCONT');
        this.#frozen.delete(leader);
      }),
    );
  }

  /** Waits until no process is frozen any more. */
  async thawed(): Promise<void> {
    await Promise.all(this.#thaws.splice(0));
  }
}

/** Does nothing where the process has gone. @param pid negative: the group that it leads. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}
