/** 404.html: for an address that names no page. */
import type { JSX } from 'react'
import { SiteLink } from '../parts/link.tsx'

export function NotFound(): JSX.Element {
  return (
    <>
      <h1>There is no page here</h1>
      <p>
        The address may hold a typing error, or it names a window or an account that this edition of the site does not
        have yet. A window has a page from its first certified unit on.
      </p>
      <p>
        <SiteLink to="/">The frontier</SiteLink>, <SiteLink to="/windows/">all windows</SiteLink>,{' '}
        <SiteLink to="/accounts/">all accounts</SiteLink>
      </p>
    </>
  )
}
