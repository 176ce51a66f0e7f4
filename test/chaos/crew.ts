// The movers of a chaos test: some run, some are frozen for good or for a while, some die by themselves.
import type { FailPoint } from '../../src/lifecycle/fail-point.ts';
import type { Forwarding } from '../support/mover/forwarding.ts';
import { isAlive, stateOf, type TestProcess } from '../support/processes/process.ts';

const SERVING = /serving (http:\S+)\/livez/;

export class Crew {
  readonly #forwarding: Forwarding;
  #members: TestProcess[] = [];
  /** Those that will not end by themselves. */
  readonly #steady = new WeakSet<TestProcess>();

  constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding;
  }

  /** Those that are neither dead nor frozen. */
  get running(): readonly TestProcess[] {
    return this.#members.filter(({ pid }) => isAlive(pid) && stateOf(pid) !== 'T');
  }

  get frozen(): readonly TestProcess[] {
    return this.#members.filter(({ pid }) => stateOf(pid) === 'T');
  }

  /** Those that run and say where they serve, with the address. */
  get serving(): readonly { readonly name: string; readonly url: string }[] {
    return this.running.flatMap(({ pid, stderr }) => {
      const url = stderr.map((line) => SERVING.exec(line)?.[1]).find((found) => found !== undefined);
      return url === undefined ? [] : [{ name: `mover ${pid}`, url }];
    });
  }

  start(failure?: { at: FailPoint; action: 'kill' | 'stop'; nth: number }): TestProcess {
    const env: Record<string, string> =
      failure === undefined ? {} : { TRIBUTARY_FAIL_POINT: `${failure.at}=${failure.action}*${failure.nth}` };
    const member = this.#forwarding.startMover({ env }, ['--http', ':0']);
    this.#members.push(member);
    if (failure === undefined) this.#steady.add(member);
    return member;
  }

  /** One that has no fail point is needed, or nobody might be left in the end. */
  ensureOne(): void {
    if (!this.running.some((member) => this.#steady.has(member))) this.start();
  }

  async killAll(): Promise<void> {
    for (const { pid } of this.#members) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await Promise.all(this.#members.map(({ exit }) => exit));
    this.#members = [];
  }
}
