/**
 * One line of a systemd EnvironmentFile. In double quotes a backslash takes the meaning from `"`, `\`, `$` and the backquote;
 * nothing is expanded in such a file.
 * @throws when the value has a line break, which no K3s token can have
 */
export function envFileLine(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error(`${name} has a line break`);
  return `${name}="${value.replace(/["\\$`]/g, '\\$&')}"\n`;
}
