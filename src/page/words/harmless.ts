// Texts of events, errors and operators, shown so that they cannot pass for something else: characters that steer terminals are seen
// as such, and those that turn the direction of what follows have no effect. Line breaks and tabs stay.
import { options } from 'preact';

const STEERING = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
/** Where Unicode has pictures of control characters. */
const PICTURES = 0x2400;

const harmless = (text: string): string =>
  text.replace(STEERING, (one) => {
    const code = one.charCodeAt(0);
    if (one === '\n' || one === '\t') return one;
    if (code < 0x20) return String.fromCharCode(PICTURES + code);
    return '\ufffd';
  });

/** From now on whatever is shown is harmless, wherever it is shown: nobody has to think of it. */
export function showHarmless(): void {
  const before = options.vnode;
  options.vnode = (vnode) => {
    const { type, props } = vnode as { type: unknown; props: Record<string, unknown> };
    if (typeof type === 'string')
      for (const name of SHOWN) if (name in props) props[name] = shown(props[name]);
    before?.(vnode);
  };
}

const SHOWN = ['children', 'title', 'aria-label'];

function shown(value: unknown): unknown {
  if (typeof value === 'string') return harmless(value);
  return Array.isArray(value) ? value.map(shown) : value;
}
