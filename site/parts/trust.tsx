/** What a reader has to take on trust, said from the network's own parameters: the same words on every page. */
import type { JSX } from 'react'
import type { SiteNetwork } from '../data.ts'
import { Bound, Num } from './number.tsx'

export function Citation({ network }: { network: SiteNetwork }): JSX.Element {
  const { text, url } = network.baseline.citation
  if (url === null) return <bdi>{text}</bdi>
  return (
    <a href={url} rel="noreferrer">
      <bdi>{text}</bdi>
    </a>
  )
}

export function RestsOn({ network }: { network: SiteNetwork }): JSX.Element {
  const { replication, adaptive, beacon, baseline } = network
  return (
    <dl className="rests">
      <div>
        <dt>The baseline</dt>
        <dd>
          Every <var>n</var> below <Bound network={network} n={baseline.value} />: <Citation network={network} />.
          Nothing here repeats that work.
        </dd>
      </div>
      <div>
        <dt>The workers</dt>
        <dd>
          {replication === 1 ? (
            <>
              Each unit is computed by one account and by no other. Its certificate says who answers for it; that nobody
              erred or cheated, you can only see by recomputing.
            </>
          ) : (
            <>
              Each unit is computed by <Num value={replication} /> different accounts, and counts only when their
              results are equal to the bit. All of one unit’s accounts would have to be wrong in the same way.
              {adaptive &&
                ' Or one account with a long record computes it, and two others, drawn later, compute some of its leaves again without having seen them: that one and both of them would have to be wrong, or the wrong leaves not among those drawn.'}
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>The draw</dt>
        <dd>
          {beacon.kind === 'local' ? (
            <>
              Who computes what is drawn from random numbers that the founder’s own node makes. You trust its operator
              not to have picked them.
            </>
          ) : (
            <>
              Who computes what is drawn from drand, public randomness that nobody on this network makes and anyone can
              check.
            </>
          )}
        </dd>
      </div>
    </dl>
  )
}
