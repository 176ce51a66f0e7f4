// Watches how long slots of workers stay without a process that lives and is not stopped, whatever happens to them.
import { onTestFinished } from 'vitest';
import { isAlive, stateOf, type TestProcess } from '../support/processes/process.ts';

const EVERY_MS = 100;
/** Lines that are kept of a slot. */
const LINES = 40;

export interface Longest {
  readonly slot: string;
  readonly ms: number;
  /** What the hosts said of the slot until then. */
  readonly story: string;
}

export class SlotWatch {
  readonly #hosts: () => readonly TestProcess[];
  readonly #slots: readonly string[];
  readonly #read = new Map<TestProcess, number>();
  /** Processes that were ever ready in a slot and may live. */
  readonly #pids = new Map<string, Set<number>>();
  readonly #emptySince = new Map<string, number>();
  readonly #lines = new Map<string, string[]>();
  #longest: Longest = { slot: '', ms: 0, story: '' };

  /** @param hosts all that may have workers, also those that are frozen. */
  constructor(hosts: () => readonly TestProcess[], slots: readonly string[]) {
    this.#hosts = hosts;
    this.#slots = slots;
    const timer = setInterval(() => this.#look(), EVERY_MS);
    onTestFinished(() => clearInterval(timer));
  }

  /** The longest time that a slot was empty since this was asked last. */
  takeLongest(): Longest {
    this.#look();
    const longest = this.#longest;
    this.#longest = { slot: '', ms: 0, story: '' };
    return longest;
  }

  #look(): void {
    for (const host of this.#hosts()) this.#readLines(host);
    const nowMs = performance.now();
    for (const slot of this.#slots) {
      const pids = this.#pids.get(slot);
      // Before its first worker it is not empty, it is not there.
      if (pids === undefined) continue;
      for (const pid of pids) if (!isAlive(pid)) pids.delete(pid);
      const sinceMs = this.#emptySince.get(slot) ?? nowMs;
      const ms = nowMs - sinceMs;
      if (ms > this.#longest.ms) this.#longest = { slot, ms, story: this.#lines.get(slot)?.join('\n') ?? '' };
      const isFilled = [...pids].some((pid) => stateOf(pid) !== 'T');
      if (isFilled) this.#emptySince.delete(slot);
      else this.#emptySince.set(slot, sinceMs);
    }
  }

  #readLines(host: TestProcess): void {
    const from = this.#read.get(host) ?? 0;
    this.#read.set(host, host.stderr.length);
    for (const line of host.stderr.slice(from)) {
      if (!line.startsWith('{') || !line.includes('"slot"')) continue;
      const { slot, pid, msg } = JSON.parse(line) as { slot?: string; pid?: number; msg?: string };
      if (slot === undefined) continue;
      const lines = this.#lines.get(slot) ?? [];
      this.#lines.set(slot, lines);
      lines.push(`${host.pid} ${line.slice(0, 200)}`);
      if (lines.length > LINES) lines.shift();
      if (pid === undefined || !msg?.includes('is ready')) continue;
      const pids = this.#pids.get(slot) ?? new Set();
      this.#pids.set(slot, pids.add(pid));
    }
  }
}
