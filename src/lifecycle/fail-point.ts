// Named places where a test may stop, kill or freeze the process: TRIBUTARY_FAIL_POINT=name[=action][*nth], off by default.
//
// Actions: `kill` (SIGKILL, the default), `stop` (SIGSTOP), `throw`, `hang` (for ever, this place alone). `nth` counts how often the point is passed before it
// acts (default 1). A point fires once per process.
let parsed = read(process.env.TRIBUTARY_FAIL_POINT);
const passed = Promise.resolve();

interface Armed {
  readonly name: string;
  readonly action: string;
  left: number;
}

/** The names in use; a test checks that each is reached. */
export const FAIL_POINTS = [
  'round:before',
  'round:after',
  'copy-out:before',
  'copy-out:middle',
  'copy-out:after',
  'commit:opened',
  'commit:copied',
  'commit:committed',
  'tick:before',
  'tick:after',
  'watermark:before',
  'watermark:after',
  'delayed:before',
  'delayed:delivered',
  'schedule:due',
  'schedule:decided',
  'spool:inserted',
  'spool:committed',
] as const;

export type FailPoint = (typeof FAIL_POINTS)[number];

/** Sets the fail point as the environment would: for a test that shares its process with others. Undefined: off. */
export function armFailPoint(setting: string | undefined): void {
  parsed = read(setting);
}

/** Does nothing, at the cost of one comparison, unless this point is named by the environment. */
export function failPoint(name: FailPoint): Promise<void> {
  if (parsed === undefined || parsed.name !== name) return passed;
  return fire(parsed);
}

/** Whether this process is to stop there. */
export function isArmed(name: FailPoint): boolean {
  return parsed?.name === name;
}

async function fire(armed: Armed): Promise<void> {
  armed.left -= 1;
  if (armed.left !== 0) return;
  if (armed.action === 'hang') await new Promise(() => {});
  if (armed.action === 'throw') throw new Error(`fail point ${armed.name}`);
  process.kill(process.pid, armed.action === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

function read(text: string | undefined): Armed | undefined {
  if (text === undefined) return undefined;
  const match = /^(.+?)(?:=(kill|stop|throw|hang))?(?:\*(\d+))?$/.exec(text);
  return { name: match?.[1] ?? text, action: match?.[2] ?? 'kill', left: Number(match?.[3] ?? 1) };
}
