/** How it works and why believe it: the unit, its draw, its result, the certificate, the frontier, and what is left to trust. */
import { createRoute } from '@tanstack/react-router'
import type { JSX } from 'react'
import { useSite } from '../context.ts'
import { counted } from '../format.ts'
import { FileLink, SiteLink } from '../parts/link.tsx'
import { Bound, Power } from '../parts/number.tsx'
import { RestsOn } from '../parts/trust.tsx'
import { rootRoute } from './root.tsx'

export const believeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/believe',
  head: () => ({
    meta: [
      { title: 'Why believe it · collatz' },
      { name: 'description', content: 'From a unit of work to the frontier, and what remains to be trusted.' },
    ],
  }),
  component: Believe,
})

/** The sections, in the order that a number goes through them. */
const SECTIONS = [
  ['claim', 'The claim'],
  ['rules', 'The rules'],
  ['unit', 'The unit'],
  ['draw', 'The draw'],
  ['result', 'The result'],
  ['certificate', 'The certificate'],
  ['frontier', 'The frontier'],
  ['trust', 'What is left to trust'],
  ['data', 'The data of these pages'],
] as const

function Heading({ id }: { id: (typeof SECTIONS)[number][0] }): JSX.Element {
  return <h2 id={id}>{SECTIONS.find(([name]) => name === id)?.[1]}</h2>
}

/** 3^c < 2^k with something added to the exponents, on one line. */
function Smaller({ odds = '', steps = '' }: { odds?: string; steps?: string }): JSX.Element {
  const exponent = (name: string, added: string): JSX.Element => (
    <>
      <var>{name}</var>
      {added}
    </>
  )
  return (
    <span className="term">
      <Power base={3} exponent={exponent('c', odds)} /> &lt; <Power exponent={exponent('k', steps)} />
    </span>
  )
}

/** A formula around m, on one line. */
function Term({ before, after }: { before: string; after: string }): JSX.Element {
  return (
    <span className="term">
      {before}
      <var>m</var>
      {after}
    </span>
  )
}

function Rules(): JSX.Element {
  return (
    <>
      <Heading id="rules" />
      <p>
        Let <var>k</var> steps lead from <var>n</var> to <var>m</var>, and let <var>c</var> of them be odd. A number is
        left out only by one of four proved rules, each of which names a smaller number that it meets:
      </p>
      <dl className="rules">
        <dt>Descent</dt>
        <dd>
          <Smaller />. Then <var>m</var> itself is below <var>n</var>.
        </dd>
        <dt>Path merge</dt>
        <dd>
          The even steps since the last odd one are even in number and at least two, and{' '}
          <Smaller odds=" − 1" steps=" − 1" />. Then <var>m</var> also comes from <Term before="(2" after=" − 1)/3" />,
          which is below <var>n</var>.
        </dd>
        <dt>Odd, even, even</dt>
        <dd>
          A run of odd steps began at <var>m</var>, where <Smaller steps=" + 1" />, and two even steps followed it. Then
          the path joins that of <Term before="(" after=" − 1)/2" />, which is below <var>n</var> (C. Hercher, J.
          Integer Sequences 26, 2023, Lemma 9).
        </dd>
        <dt>Preimage</dt>
        <dd>
          <var>n</var> leaves 2, 4, 5 or 8 on division by 9. Then it lies on the path of a smaller number.
        </dd>
      </dl>
      <p>
        Above a small bound, comparing the powers decides about the numbers themselves; below it, they were checked one
        by one.
      </p>
    </>
  )
}

/** Long, as it is the text of one page. */
function Believe(): JSX.Element {
  const { data } = useSite()
  const { network } = data
  const collatz = network.map === '3n+1'
  const example = data.windows.find((window) => window.certificate !== null)?.certificate?.file ?? 'FILE'
  return (
    <div className="columns">
      <article className="prose">
        <h1>Why believe it</h1>
        <p className="lead">
          A stranger’s machine says that it looked at a trillion numbers and found nothing. Here is what makes that
          worth more than its word, and where it is still no more than that.
        </p>

        <Heading id="claim" />
        <p>
          Take a whole number <var>n</var>. If it is even, halve it; if it is odd, go to (3<var>n</var> + 1)/2. The
          Collatz conjecture says that this always comes to 1. It is open, but it can be checked up to a limit, and one
          observation makes that feasible: once every smaller number is known to reach 1, it is enough that <var>n</var>{' '}
          meets a smaller number, on its own path or on theirs. So numbers are taken in order, from the published limit{' '}
          <Bound network={network} n={network.baseline.value} /> on.
        </p>

        {collatz && <Rules />}

        <Heading id="unit" />
        <p>
          The numbers are taken in windows of <Power exponent={network.windowBits} />. The last <var>k</var> binary
          digits of a number fix its first <var>k</var> steps, so the rules settle whole residue classes at once. The
          classes that are left are the units of a window, {counted(network.unitsPerWindow, 'unit')} in all and the same
          in every window. None can be made up, and none can be missing unnoticed.
        </p>

        <Heading id="draw" />
        <p>
          Nobody chooses what to work on. The list of workers is closed first; then a random number that{' '}
          {network.beacon.kind === 'local' ? 'only the founder’s node' : 'nobody'} could know at the time deals out the
          units. A result from anyone else does not count, so friends can’t arrange to confirm each other. Nor does it
          help to ask for many units: an account is dealt at most twice what it has lately shown to do in one round of
          dealing.
          {network.replication === 1 &&
            ' With one account to a unit, as on this network, the draw only decides who answers for it.'}
        </p>

        <Heading id="result" />
        <p>
          Almost all numbers are settled within a few dozen steps. A few resist for {network.hardSteps} steps or more:
          we call them <em>hard numbers</em>. Which numbers are hard is a fact about numbers; no program, machine or
          setting comes into it. So every correct worker returns the same count, the same checksum over all of them, and
          the same peak, the greatest value that one of them reaches before a rule applies.
        </p>
        <p>
          Each signer also has to list some hundreds of numbers of the unit, others than anyone else’s, that only the
          work itself finds: its evidence. Who skips a part of a unit misses its hard numbers and lists too few. And
          theory says in advance how many to expect, up to chance: each window shows the distance between the two in
          standard deviations σ. A great distance exposes bad work. A small one does not prove good work.
        </p>

        <Heading id="certificate" />
        <p>
          When every unit of a window is settled, the results, the draw behind them and the signatures under them go
          into one file. Download it from the window’s page and run
        </p>
        <pre>
          <code>collatz verify {example}</code>
        </pre>
        <p>
          That needs no network and no trust in this page. It checks every signature and hash, checks that the units
          together leave out no number of the window, and recomputes a part of it, chosen at random, on your machine.
        </p>

        <Heading id="frontier" />
        <p>
          The frontier is the end of the unbroken run of certified windows above the baseline. Nobody announces it:
          every node computes it from the signed events, and so can you. It is at{' '}
          <Bound network={network} n={data.frontier} />.
        </p>

        <Heading id="trust" />
        <RestsOn network={network} />
        <p>
          Then there is the program. Workers who run the same one share its mistakes. Against that stand a second, slow
          engine in exact arithmetic, known answers that every engine has to reproduce, and the count that theory
          expects.
        </p>
        <p>
          A certificate is evidence and not a proof in the sense of logic, because to recompute a part is to take a
          sample. Whoever wants certainty about a window recomputes all of it: either the results are the same to the
          bit, or somebody was wrong and it can be shown who.
        </p>

        <Heading id="data" />
        <p>
          <FileLink path="data.json">data.json</FileLink> holds everything shown here. Integers of the mathematics are
          strings of decimal digits in it, because JSON numbers lose digits above <Power exponent={53} />. Counts,
          beacon rounds and times (milliseconds since 1970, UTC) are plain numbers. The certificates are linked from{' '}
          <SiteLink to="/windows/">the windows</SiteLink>.
        </p>
      </article>
      <nav className="contents" aria-label="On this page">
        <ul>
          {SECTIONS.filter(([id]) => collatz || id !== 'rules').map(([id, title]) => (
            <li key={id}>
              <a href={`#${id}`}>{title}</a>
            </li>
          ))}
        </ul>
      </nav>
    </div>
  )
}
