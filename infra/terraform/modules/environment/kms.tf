# The key that wraps the data keys of bank tokens. It never leaves its HSM: there is no permission that reads it.
resource "google_kms_key_ring" "tok" {
  project  = var.project.id
  name     = "tok-${var.environment}"
  location = var.region
}

resource "google_kms_crypto_key" "tokens" {
  name     = "tokens"
  key_ring = google_kms_key_ring.tok.id
  purpose  = "ENCRYPT_DECRYPT"

  rotation_period            = "7776000s" # 90 days; old versions go on decrypting
  destroy_scheduled_duration = "2592000s" # 30 days to think again

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  kms_key = "projects/${var.project.id}/locations/${var.region}/keyRings/${google_kms_key_ring.tok.name}/cryptoKeys/${google_kms_crypto_key.tokens.name}"

  kms_roles = {
    "roles/cloudkms.cryptoKeyEncrypter" = [for name, entry in local.functions : name if contains(entry.kms, "encrypt")]
    "roles/cloudkms.cryptoKeyDecrypter" = [for name, entry in local.functions : name if contains(entry.kms, "decrypt")]
  }
}

# Bindings, not members: a grant made by hand is taken back by the next apply.
resource "google_kms_crypto_key_iam_binding" "tokens" {
  for_each = { for role, names in local.kms_roles : role => names if length(names) > 0 }

  crypto_key_id = google_kms_crypto_key.tokens.id
  role          = each.key
  members       = [for name in each.value : local.function_members[name]]
}
