# Where the portal's users sign in, unless var.users names another issuer. With an e-mail address and a password; other
# providers have a client secret, which would lie in the state: they are added by hand.
resource "google_identity_platform_config" "this" {
  count = var.users.issuer == null ? 1 : 0

  project            = var.project_id
  authorized_domains = [regex("^https://([^/:]+)", var.users.portal_url)[0]]

  sign_in {
    allow_duplicate_emails = false

    email {
      enabled           = true
      password_required = true
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.this]
}
