import { symptoms } from '../../scenarios/symptoms/index.js';
import { type Cluster, namesOf } from '../incident/cluster.js';
import type { LookupHit, SymptomEntry } from '../incident/journal.js';
import { fillNames } from '../lookup/fill.js';
import { makeMatcher } from '../lookup/match.js';
import { makeSearch } from '../lookup/search.js';
import { marked } from './lookup-text.js';

/** What is also printed by healthy clusters would only cry wolf in the stream; `blackstart lookup` knows it all the same. */
export const matchSymptoms = makeMatcher(symptoms.filter((one) => one.severity !== 'info'));

/** The catalogue with this cluster's names in it. */
export function entriesFor(cluster: Cluster): Map<string, SymptomEntry> {
  const names = { servers: namesOf(cluster, 'server'), server: '{server}', primary: '{primary}' };
  return new Map(
    symptoms.map(({ id, title, means, doThis, notThis, source, steps }) => [
      id,
      {
        id,
        title,
        means: fillNames(means, names),
        doThis: fillNames(doThis, names),
        source,
        steps: steps ?? [],
        ...(notThis === undefined ? {} : { notThis: fillNames(notThis, names) }),
      },
    ]),
  );
}

const search = makeSearch(symptoms);

/** What a line, a piece of one, an id or some words mean, best first. */
export const lookUp = (text: string): LookupHit[] =>
  search(text).map((found) => ({ id: found.symptom.id, marked: found.by === 'id' ? '' : marked(found) }));
