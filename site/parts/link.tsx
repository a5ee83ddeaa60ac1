/**
 * Links that work under any prefix, from a gateway, from any file server and from a disk. The router knows the routes and
 * their parameters; here its absolute path becomes one relative to the page, with index.html spelled out, because a disk
 * has no directory index.
 */
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, JSX, ReactNode } from 'react'
import { useSite } from '../context.ts'

function RelativeAnchor({ href = '/', ...rest }: AnchorHTMLAttributes<HTMLAnchorElement>): JSX.Element {
  const { root } = useSite()
  const [path = '/', fragment] = href.split('#')
  return <a {...rest} href={`${root}${path.slice(1)}index.html${fragment ? `#${fragment}` : ''}`} />
}

/** A link to a route of the site: to, params and hash are checked against the route tree by the compiler. */
export const SiteLink = createLink(RelativeAnchor)

/** A link to a file beside the pages, by its path from the site's root. */
export function FileLink({
  path,
  download,
  children,
}: {
  path: string
  download?: boolean
  children: ReactNode
}): JSX.Element {
  const { root } = useSite()
  return (
    <a href={`${root}${path}`} download={download}>
      {children}
    </a>
  )
}
