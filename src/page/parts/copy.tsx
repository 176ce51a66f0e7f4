// A command as text, with a button that copies it.
import { useState } from 'preact/hooks';

const SHOWN_MS = 2_000;

export function Command({ text }: { readonly text: string }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // Without a secure context there is no clipboard: the text can be marked.
      setSaid('Mark the text to copy it');
    }
    setTimeout(() => setSaid(''), SHOWN_MS);
  };
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="quiet" onClick={() => void copy()} aria-label={`Copy: ${text}`}>
        {said === 'Copied' ? 'Copied' : 'Copy'}
      </button>
      <span role="status" class={said === '' || said === 'Copied' ? 'unseen' : 'hint'}>
        {said}
      </span>
    </span>
  );
}
