# A made-up manifest: one entry is all that a function takes, and what cannot work is refused.
mock_provider "google" {}

mock_provider "google-beta" {}

variables {
  environment        = "live"
  domain             = "library.example.com"
  project            = { id = "tok-test", number = "1" }
  region             = "europe-west1"
  firestore_location = "europe-west1"
  rules_path         = "../../firestore.rules"
  indexes_path       = "../../firestore.indexes.json"
  gateway_document = jsonencode({
    x-google-api-management = { backends = { books = { address = "$${backends.books}" } } }
    paths                   = { "/v1/books" = { get = { x-google-backend = "books" } } }
  })

  books = {
    environments = ["live"], trigger = "gateway", memory_mib = 256, concurrency = 8, min_instances = 0, max_instances = 3, timeout_seconds = 30
    databases    = ["control", "data"], settings = ["api"]
  }
  loans = {
    environments = ["live"], trigger = "gateway", memory_mib = 256, concurrency = 8, min_instances = 0, max_instances = 3, timeout_seconds = 30
    databases    = ["control"], control_writer = true, settings = ["api", "letters", "users"]
  }
  mailer = {
    environments = ["live"], trigger = "tasks", queue = "letters", memory_mib = 256, concurrency = 8, min_instances = 0, max_instances = 3, timeout_seconds = 30
    databases    = ["data"], settings = ["kms"], kms = ["decrypt"]
  }
  elsewhere = {
    environments = ["sandbox"], trigger = "gateway", memory_mib = 256, concurrency = 8, min_instances = 0, max_instances = 3, timeout_seconds = 30
    databases    = ["data"], settings = []
  }
  letters = {
    max_dispatches_per_second = 7, max_concurrent_dispatches = 3, max_attempts = 4, min_backoff_seconds = 1
    max_backoff_seconds       = 9, max_doublings = 2, max_retry_duration_seconds = 60
  }

  functions_source = {
    runtime           = "python311"
    bucket            = "bundles"
    builder           = "builder"
    docker_repository = "images"
    objects           = { books = "books-1.zip", loans = "loans-1.zip", mailer = "mailer-1.zip" }
  }
  users = {
    issuer = "https://id.example.com", audience = "tok", jwks_url = "https://id.example.com/keys", portal_url = "https://portal.example.com"
  }
  alerts = {
    channels = []
    thresholds = {
      server_error_ratio   = 0.01
      latency_p95_ms       = 500
      latency_bank_p95_ms  = 15000
      sync_lag_minutes     = 60
      queue_depth          = 5000
      expiring_consents    = 200
      kms_errors_in_5m     = 5
      limiter_degraded     = 20
      bank_breakers_opened = 1
    }
  }
}

run "an_entry_is_all_that_a_function_takes" {
  command = plan

  module {
    source = "./modules/environment"
  }

  variables {
    manifest = {
      functions = { books = var.books, loans = var.loans, mailer = var.mailer, elsewhere = var.elsewhere }
      queues    = { letters = var.letters }
    }
  }

  assert {
    condition     = toset(keys(google_cloudfunctions2_function.this)) == toset(["books", "loans", "mailer"])
    error_message = "Functions are not those of this environment."
  }
  assert {
    condition     = output.settings.loans.TOK_LETTERS_QUEUE == "projects/tok-test/locations/europe-west1/queues/live-letters"
    error_message = "A group that is named for a queue does not give the queue."
  }
  assert {
    condition     = output.settings.loans.TOK_MAILER_URL == "https://live-mailer-1.europe-west1.run.app"
    error_message = "Who enqueues does not know whom the queue calls."
  }
  assert {
    condition     = output.settings.loans.TOK_USER_ISSUER == "https://id.example.com" && output.settings.loans.TOK_PORTAL_URL == "https://portal.example.com"
    error_message = "Who serves signed-in users does not know whose tokens count."
  }
  assert {
    condition     = google_cloud_tasks_queue_iam_binding.enqueuers["letters"].members == toset(["serviceAccount:${google_service_account.function["loans"].account_id}@tok-test.iam.gserviceaccount.com"])
    error_message = "Others than the queue's group may enqueue."
  }
  assert {
    condition     = google_service_account_iam_binding.enqueuers[0].members == toset(["serviceAccount:${google_service_account.function["loans"].account_id}@tok-test.iam.gserviceaccount.com"])
    error_message = "Others than those who enqueue may give a task the queue's identity."
  }
  assert {
    condition     = google_project_iam_member.database["loans/control"].role == "roles/datastore.user" && google_project_iam_member.database["books/control"].role == "roles/datastore.viewer"
    error_message = "control_writer does not decide who writes the control plane."
  }
  assert {
    condition     = toset(keys(google_kms_crypto_key_iam_binding.tokens)) == toset(["roles/cloudkms.cryptoKeyDecrypter"])
    error_message = "kms: does not decide who decrypts."
  }
  assert {
    condition     = length(setsubtract(["TOK_ENVIRONMENT", "TOK_ENVIRONMENTS", "TOK_PROJECT", "TOK_INVOKERS", "THREADS", "TOK_KMS_KEY", "TOK_DATA_DATABASE"], keys(output.settings.mailer))) == 0 && length(output.settings.mailer) == 7
    error_message = "A function's environment is not what its groups say."
  }
  assert {
    condition     = jsondecode(base64decode(google_api_gateway_api_config.tok.openapi_documents[0].document[0].contents))["x-google-api-management"].backends.books.address == "https://live-books-1.europe-west1.run.app"
    error_message = "The gateway's document still has a placeholder."
  }
}

run "an_operation_without_a_function_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = {
      functions = { books = var.books, loans = var.loans, mailer = var.mailer, elsewhere = var.elsewhere }
      queues    = { letters = var.letters }
    }
    gateway_document = jsonencode({
      x-google-api-management = { backends = {} }
      paths                   = { "/v1/books" = { get = { x-google-backend = "elsewhere" } } }
    })
  }

  expect_failures = [var.gateway_document]
}

run "a_function_without_a_bundle_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = {
      functions = { books = var.books, loans = var.loans, mailer = var.mailer, elsewhere = var.elsewhere }
      queues    = { letters = var.letters }
    }
    functions_source = { runtime = "python311", bucket = "b", builder = "c", docker_repository = "d", objects = { books = "books-1.zip" } }
  }

  expect_failures = [var.functions_source]
}

run "a_public_function_in_the_live_environment_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest         = { functions = { books = merge(var.books, { trigger = "public" }) }, queues = {} }
    gateway_document = jsonencode({ x-google-api-management = { backends = {} }, paths = {} })
  }

  expect_failures = [var.manifest]
}

run "concurrency_below_eight_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = { functions = { books = merge(var.books, { concurrency = 7 }) }, queues = {} }
  }

  expect_failures = [var.manifest]
}

run "kms_settings_without_a_use_are_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = { functions = { books = merge(var.books, { settings = ["api", "kms"] }) }, queues = {} }
  }

  expect_failures = [var.manifest]
}

run "a_queue_that_is_not_there_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = { functions = { books = var.books, mailer = var.mailer }, queues = {} }
  }

  expect_failures = [var.manifest]
}

run "a_name_too_long_for_a_service_account_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = { functions = { a_name_of_twenty_three_x = var.elsewhere, books = var.books }, queues = {} }
  }

  expect_failures = [var.manifest]
}

run "an_unknown_group_of_settings_is_refused" {
  command = plan

  module {
    source = "./modules/environment"
  }
  variables {
    manifest = { functions = { books = merge(var.books, { settings = ["api", "weather"] }) }, queues = {} }
  }

  expect_failures = [google_cloudfunctions2_function.this]
}
