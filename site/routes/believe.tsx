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

function Believe(): JSX.Element {
  const { data } = useSite()
  const { network } = data
  const n = network.replication
  const example = data.windows.find((window) => window.certificate !== null)?.certificate?.file ?? 'FILE'
  return (
    <article className="prose">
      <h1>Why believe it</h1>
      <p className="lead">
        A stranger's machine says that it looked at a trillion numbers and found nothing. Here is what makes that worth
        more than its word, and where it still is no more than that.
      </p>

      <h2 id="claim">The claim</h2>
      <p>
        Take a whole number <var>n</var>. If it is even, halve it; if it is odd, go to (3<var>n</var> + 1)/2. The
        Collatz conjecture says that this always ends in 1. Nobody can prove it, but it can be checked up to a limit,
        and one observation makes that feasible: if every number below <var>n</var> is known to end in 1, it is enough
        that <var>n</var> comes to some smaller number, or to the path of one. So numbers are taken in order, starting
        from the published limit <Bound network={network} n={network.baseline.value} />.
      </p>

      <h2 id="unit">The unit</h2>
      <p>
        The numbers are taken in windows of <Power exponent={network.windowBits} />. The last binary digits of a number
        fix its first steps, so whole residue classes can be seen to fall below themselves, or to join the path of a
        smaller number, all at once. What is left is cut into {counted(network.unitsPerWindow, 'unit')} a window, always
        the same ones. Nobody can make up a unit, or leave one out unnoticed.
      </p>

      <h2 id="draw">The draw</h2>
      <p>
        Nobody chooses what to work on. Public randomness, made after the list of workers is closed, deals out the
        units; a result from anyone else does not count. So friends can't arrange to confirm each other.{' '}
        {n === 1 && 'With one account a unit, as on this network, the draw decides who answers for a unit and no more.'}
      </p>

      <h2 id="result">The result</h2>
      <p>
        Almost all numbers are dealt with in a few dozen steps. A few resist: none of the proved shortcuts applies to
        them within a fixed number of steps. We call these <em>hard numbers</em>. Which numbers are hard is a fact about
        numbers; no program, machine or setting comes into it. So every correct worker returns the same count, the same
        checksum over all of them, and the same peak, the greatest value on any of their paths.
      </p>
      <p>
        Who skips a part of a unit misses its hard numbers. And theory says in advance how many there should be, up to
        chance: that is the distance from theory, in standard deviations σ, shown for each window. It can expose bad
        work; by itself it does not prove good work.
      </p>

      <h2 id="certificate">The certificate</h2>
      <p>
        When every unit of a window is settled, the results, the draw behind them and the signatures under them go into
        one file. Download it from the window's page and run
      </p>
      <pre>
        <code>collatz verify {example}</code>
      </pre>
      <p>
        That needs no network and no trust in this page. It checks every signature and hash, that the units together
        leave out no number of the window, and recomputes a part of it, chosen at random, on your machine.
      </p>

      <h2 id="frontier">The frontier</h2>
      <p>
        The frontier is the end of the unbroken run of certified windows above the baseline. Nobody announces it: every
        node computes it from the signed events, and so can you. It is at <Bound network={network} n={data.frontier} />.
      </p>

      <h2 id="trust">What is left to trust</h2>
      <RestsOn network={network} />
      <p>
        And the program. Workers that run the same program would share its mistakes. Against that stand a second, slow
        engine in exact arithmetic, known answers that every engine has to reproduce each time it starts, and the
        theory's count.
      </p>
      <p>
        A certificate is evidence, not a proof in the sense of logic: to recompute a part is to sample. Whoever wants
        certainty about a window recomputes it: the results are the same to the bit, or somebody is wrong and it can be
        shown who.
      </p>

      <h2 id="data">The data of these pages</h2>
      <p>
        <FileLink path="data.json">data.json</FileLink> holds everything shown here. Integers of the mathematics are
        strings of decimal digits there, because JSON numbers lose digits above <Power exponent={53} />. Counts, beacon
        rounds and times (in milliseconds since 1970, UTC) are plain numbers.{' '}
        <SiteLink to="/windows/">The windows</SiteLink> link their certificates.
      </p>
    </article>
  )
}
