module "live" {
  source = "./modules/environment"

  environment          = "live"
  environments         = local.environments
  domain               = var.domains.live
  gateway_document     = file("${local.paths.dist}/gateway.live.json")
  max_instances_factor = var.max_instances_factor.live

  project            = local.project
  region             = var.region
  firestore_location = var.firestore_location
  manifest           = local.manifest
  functions_source   = local.functions_source
  users              = local.users
  trusted_proxies    = var.trusted_proxies
  rules_path         = local.paths.rules
  indexes_path       = local.paths.indexes
  alerts             = local.alerts

  # Nothing is built before the builder may build.
  depends_on = [
    google_project_service.this,
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_sources,
    google_storage_bucket_iam_member.builder_bundles,
  ]
}

module "sandbox" {
  source = "./modules/environment"

  environment          = "sandbox"
  environments         = local.environments
  domain               = var.domains.sandbox
  gateway_document     = file("${local.paths.dist}/gateway.sandbox.json")
  max_instances_factor = var.max_instances_factor.sandbox

  project            = local.project
  region             = var.region
  firestore_location = var.firestore_location
  manifest           = local.manifest
  functions_source   = local.functions_source
  users              = local.users
  trusted_proxies    = var.trusted_proxies
  rules_path         = local.paths.rules
  indexes_path       = local.paths.indexes
  alerts             = local.alerts

  # Nothing is built before the builder may build.
  depends_on = [
    google_project_service.this,
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_sources,
    google_storage_bucket_iam_member.builder_bundles,
  ]
}

locals {
  project = { id = var.project_id, number = data.google_project.this.number }

  functions_source = {
    runtime           = var.runtime
    bucket            = google_storage_bucket.bundles.name
    objects           = { for name, bundle in google_storage_bucket_object.bundle : name => bundle.name }
    builder           = google_service_account.builder.id
    docker_repository = google_artifact_registry_repository.functions.id
  }

  # Identity Platform's tokens, unless another issuer is named.
  users = {
    issuer     = coalesce(var.users.issuer, "https://securetoken.google.com/${var.project_id}")
    audience   = coalesce(var.users.audience, var.project_id)
    jwks_url   = var.users.jwks_url
    portal_url = var.users.portal_url
  }

  alerts = {
    channels   = local.notification_channels
    thresholds = var.alert_thresholds
  }
}
