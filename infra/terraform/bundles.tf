# Function bundles, named by their content: an unchanged function keeps its object, and nothing is deployed.
resource "google_storage_bucket" "bundles" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs tell who wrote; the bucket holds code only, and nothing in it is public
  project                     = var.project_id
  name                        = "${var.project_id}-bundles"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  # A roll-back needs what was deployed before; a bundle that left the state lives on as an old version.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 180
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_object" "bundle" {
  for_each = { for name, bundle in local.bundles : name => bundle if contains(keys(local.manifest.functions), name) }

  bucket = google_storage_bucket.bundles.name
  name   = each.value.object
  source = "${local.paths.dist}/bundles/${each.value.object}"
}
