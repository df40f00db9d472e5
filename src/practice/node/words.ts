/**
 * Splits a command line the way a shell does, when it is one simple command without expansion.
 * Undefined when it is more than that: an operator, a variable, a substitution, a pattern.
 */
export function simpleCommand(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (char === "'") {
      const end = line.indexOf("'", i + 1);
      if (end < 0) return undefined;
      word = (word ?? '') + line.slice(i + 1, end);
      i = end;
    } else if (char === '"') {
      let text = '';
      for (i += 1; i < line.length && line[i] !== '"'; i++) {
        if (line[i] === '$' || line[i] === '`') return undefined;
        if (line[i] === '\\' && '"\\$`'.includes(line[i + 1] ?? '')) i += 1;
        text += line[i];
      }
      if (i >= line.length) return undefined;
      word = (word ?? '') + text;
    } else if (char === '\\') {
      if (line[i + 1] === '\n') return undefined;
      word = (word ?? '') + (line[++i] ?? '');
    } else if (/[ \t]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if ('|&;<>()$`*?[]{}\n#~!'.includes(char)) {
      // Inside a word these are plain where the shell takes them so.
      if (char === '#' && word !== undefined) word += char;
      else if ((char === '~' || char === '!') && word !== undefined) word += char;
      else if (char === '{' || char === '}') word = (word ?? '') + char;
      else return undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return words.length === 0 || /^[A-Za-z_]\w*=/.test(words[0] ?? '') ? undefined : words;
}
