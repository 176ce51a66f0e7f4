// The completion script for zsh: to be sourced, or saved as `_tributary` in a folder of `fpath`.
import { quoted } from '../../errors/shell-word.ts';
import { isFile, type ShellCommand } from './shell-words.ts';
import type { TypedOption } from './tree.ts';

export function zshScript(commands: readonly ShellCommand[]): string {
  const taking = commands.flatMap(({ chain, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap((option) => option.flags.map((flag) => ({ at: quoted(`${chain} ${flag}`), option }))),
  );
  const chains = commands
    .filter(({ chain }) => chain !== '')
    .map(({ chain }) => quoted(chain.includes(' ') ? chain : ` ${chain}`));
  const values = taking
    .filter(({ option }) => isFile(option) || (option.value?.choices.length ?? 0) > 0)
    .map(({ at, option }) => `      ${at}) ${valuesOf(option)} ;;`);
  return `#compdef tributary
# Completion of tributary for zsh, made by \`tributary completion zsh\`.
_tributary() {
  local chain='' last='' at
  local -a found
  for ((at = 2; at < CURRENT; at++)); do
    last=''
    case "$chain \${words[at]}" in
      ${taking.map(({ at }) => at).join('|')})
        last="$chain \${words[at]}"
        ((at++))
        ;;
      ${chains.join('|')})
        chain="\${chain:+$chain }\${words[at]}"
        ;;
    esac
  done
  if [[ -n $last && $at -gt $CURRENT ]]; then
    case "$last" in
${values.join('\n')}
    esac
    return
  fi
  case "$chain" in
${commands.map(wordsOf).join('\n')}
  esac
}
if [[ $funcstack[1] == _tributary ]]; then
  _tributary "$@"
else
  compdef _tributary tributary
fi
`;
}

function wordsOf({ chain, words, options, takesFolder }: ShellCommand): string {
  const named = words.map(({ name, description }) => described(name, description));
  const flags = options.flatMap(({ flags: own, description }) =>
    own.map((flag) => described(flag, description)),
  );
  const rest = takesFolder
    ? '_files -/'
    : `found=(${named.join(' ')})\n      _describe -t commands command found`;
  return `    ${quoted(chain)})
      if [[ $PREFIX == -* ]]; then
      found=(${flags.join(' ')})
      _describe -t options option found -o
      else
      ${rest}
      fi
      ;;`;
}

const valuesOf = (option: TypedOption): string =>
  isFile(option) ? '_files' : `compadd -- ${(option.value?.choices ?? []).map(quoted).join(' ')}`;

/** `_describe` splits at the first colon that is not escaped. */
const described = (word: string, description: string): string =>
  quoted(`${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`);
