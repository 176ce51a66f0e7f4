// What events, errors and operators wrote, as the page shows it.
import { h, options } from 'preact';
import { expect, onTestFinished, test } from 'vitest';
import { showHarmless } from '../../../src/page/words/harmless.ts';

test('what steers a terminal is seen as such, and what turns the direction has no effect, wherever it is shown', () => {
  const before = options.vnode;
  onTestFinished(() => {
    if (before === undefined) delete options.vnode;
    else options.vnode = before;
  });
  showHarmless();
  const { props } = h('p', { title: '\u202eknil', class: 'a' }, [
    'a \u001b[31mred\u0007 \u202etxet\u202c\u2066x\u2069\u009b',
    ['two\nlines\tand a tab', h('b', null, 'مرحبا \u200f🎉')],
  ]);
  expect(props.title).toBe('\ufffdknil');
  const [first, [second, bold]] = props.children as unknown as [
    string,
    [string, { props: { children: string } }],
  ];
  expect(first).toBe('a ␛[31mred␇ \ufffdtxet\ufffd\ufffdx\ufffd\ufffd');
  expect(second).toBe('two\nlines\tand a tab');
  expect(bold.props.children).toBe('مرحبا \u200f🎉');
});
